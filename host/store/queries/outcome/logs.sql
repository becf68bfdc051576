-- What the attempts of a run wrote, a page by (step, index, phase, attempt).
select step, index, phase, attempt, lines
from attempt_log
where tenant_id = $1 and run_id = $2 and (step, index, phase, attempt) > ($3, $4, $5, $6)
  and ($7::smallint is null or step = $7)
order by step, index, phase, attempt
limit $8
