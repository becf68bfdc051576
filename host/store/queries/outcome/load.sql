-- The answers of some tasks: for each (tenant_id, run, step) those with an index in lo..hi.
select o.run_id, o.step, o.index, o.output
from unnest($1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::int[]) as n (tenant_id, run_id, step, lo, hi)
join outcome o
  on o.tenant_id = n.tenant_id and o.run_id = n.run_id and o.step = n.step and o.index >= n.lo and o.index < n.hi
where o.output is not null
