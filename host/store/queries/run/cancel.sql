-- Stops a run that has not ended: its tokens go, so late outcomes are stale.
with cancelled as (
    update run
    set status = 'cancelled', ended_at = now(), cancelled_at = now()
    where tenant_id = $1 and id = $2 and status in ('queued', 'running')
    returning tenant_id, id
),
swept as (
    delete from token t using cancelled c where t.tenant_id = c.tenant_id and t.run_id = c.id
)
select id from cancelled
