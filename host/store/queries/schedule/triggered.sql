-- Says that a schedule (tenant_id, name) started a run $3 out of turn; its moments stay as they are.
with started as (
    update run set schedule = $2 where tenant_id = $1 and id = $3
)
update schedule
set last_run_id = $3, last_problem = null
where tenant_id = $1 and name = $2
