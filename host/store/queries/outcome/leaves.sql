-- What the tasks of some steps of one run ended in, in index order. Without an output the task failed for good. Index -1:
-- the step was skipped, and why.
select step, index, output
from outcome
where tenant_id = $1 and run_id = $2 and step = any($3::smallint[])
order by step, index
