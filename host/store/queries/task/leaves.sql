-- What the tasks of some steps of some runs of one tenant ended in: for each (run, step). As in outcome/leaves.
select o.run_id, o.step, o.index, o.output
from unnest($2::uuid[], $3::smallint[]) as l (run_id, step)
join outcome o on o.tenant_id = $1 and o.run_id = l.run_id and o.step = l.step
order by o.run_id, o.step, o.index
