-- Says what came of a moment of a schedule (tenant_id, name): outcome $3, a run $4 it started, a problem $5, and when the
-- next one is ($6; without one it rests). The run says who started it: other starts do not pay for the column.
with started as (
    update run set schedule = $2 where tenant_id = $1 and id = $4
)
update schedule
set last_at = next_at, last_outcome = $3, last_run_id = coalesce($4::uuid, last_run_id),
    last_problem = case when $4::uuid is null then coalesce($5::text, last_problem) end, next_at = to_timestamp($6::bigint)
where tenant_id = $1 and name = $2
