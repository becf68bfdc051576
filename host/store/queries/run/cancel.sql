-- Stops a run that has not ended; its tokens go with sweep.sql, so late outcomes are stale. Tokens are locked before the run, as
-- recording does.
with held as materialized (
    select count(*) as token_count
    from (select from token where tenant_id = $1 and run_id = $2 order by born_step, born_index for update) as t
),
cancelled as (
    update run
    set status = 'cancelled', ended_at = now(), cancelled_at = now()
    from held
    where tenant_id = $1 and id = $2 and status in ('queued', 'running')
    returning tenant_id, id
)
select id from cancelled
