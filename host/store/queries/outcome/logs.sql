-- What the attempts of a run wrote, a page by (step, index, attempt).
select step, index, attempt, lines
from attempt_log
where tenant_id = $1 and run_id = $2 and (step, index, attempt) > ($3, $4, $5)
  and ($6::smallint is null or step = $6)
order by step, index, attempt
limit $7
