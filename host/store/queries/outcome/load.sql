-- What some tasks ended in: for each (tenant_id, run, step) those with an index in lo..hi. Without an output the task
-- failed for good. Index -1: the step was skipped, and why.
select o.step, o.index, o.output
from unnest($1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::int[]) as n (tenant_id, run_id, step, lo, hi)
join outcome o
  on o.tenant_id = n.tenant_id and o.run_id = n.run_id and o.step = n.step and o.index >= n.lo and o.index < n.hi
