-- What some tasks of one run ended in: for each (tenant_id, run, step) those with an index in lo..hi; where that is more than $6
-- bytes, only how much it is. Without an output the task failed for good. Index -1: the step was skipped, and why.
with found as (
    select o.step, o.index, o.output
    from unnest($1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::int[]) as n (tenant_id, run_id, step, lo, hi)
    join outcome o
      on o.tenant_id = n.tenant_id and o.run_id = n.run_id and o.step = n.step and o.index >= n.lo and o.index < n.hi
),
whole as (
    select coalesce(sum(octet_length(output)), 0)::bigint as bytes from found
)
select whole.bytes as "bytes!", found.step as "step?", found.index as "index?", found.output
from whole
left join found on whole.bytes <= $6
