-- Takes runs of any tenant_id that is not frozen that are to be compensated, $1 at most, for $2 milliseconds.
with due as (
    select tenant_id, run_id
    from compensation
    where due_at <= now()
      and tenant_id not in (select id from tenant where frozen_at is not null)
    order by due_at
    limit $1
    for update skip locked
),
taken as (
    update compensation c
    set epoch = c.epoch + 1, due_at = now() + $2::bigint * interval '1 ms'
    from due d
    where c.tenant_id = d.tenant_id and c.run_id = d.run_id
    returning c.tenant_id, c.run_id, c.epoch
)
select
    t.tenant_id, t.run_id, t.epoch, r.flow_id, r.version, r.input, r.traceparent, r.priority, r.options,
    n.name as tenant_name
from taken t
join run r on r.tenant_id = t.tenant_id and r.id = t.run_id
join tenant n on n.id = t.tenant_id
