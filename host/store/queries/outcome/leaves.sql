-- The answers of some steps of one run, map tasks in index order.
select step, index, output as "output!"
from outcome
where tenant_id = $1 and run_id = $2 and step = any($3::smallint[]) and output is not null
order by step, index
