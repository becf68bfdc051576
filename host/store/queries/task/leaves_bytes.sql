-- How large what some steps of some runs of one tenant ended in is: for each (run, step).
select coalesce(sum(octet_length(o.output)), 0)::bigint as "bytes!"
from unnest($2::uuid[], $3::smallint[]) as l (run_id, step)
join outcome o on o.tenant_id = $1 and o.run_id = l.run_id and o.step = l.step
