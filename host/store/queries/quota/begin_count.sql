-- Takes the tenant (tenant_id) whose bytes were counted longest ago, if that is long enough; others take another one.
with missing as (
    insert into stored (tenant_id, bytes, counted_at)
    select t.id, 0, '-infinity'
    from tenant t
    where not exists (select from stored s where s.tenant_id = t.id)
    limit 100
    on conflict do nothing
),
next as (
    select tenant_id from stored
    where counted_at < now() - make_interval(secs => $1)
    order by counted_at
    limit 1
    for update skip locked
)
update stored s set counted_at = now() from next where s.tenant_id = next.tenant_id returning s.tenant_id
