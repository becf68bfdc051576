-- What the tasks of some steps of one run (tenant_id) ended in, in index order; where that is more than $4 bytes, only how much it
-- is. Without an output the task failed for good. Index -1: the step was skipped, and why.
with found as (
    select step, index, output
    from outcome
    where tenant_id = $1 and run_id = $2 and step = any($3::smallint[])
),
whole as (
    select coalesce(sum(octet_length(output)), 0)::bigint as bytes from found
)
select whole.bytes as "bytes!", found.step as "step?", found.index as "index?", found.output
from whole
left join found on whole.bytes <= $4
order by found.step, found.index
