-- Schedules whose moment has come, $2 at most: of each tenant after the cursor (tenant_id > $1) in turn, $3 at most, so that
-- no tenant's thousand are in front of another's one. What is frozen has none.
with recursive turn as (
    (
        select s.tenant_id, s.next_at
        from schedule s
        where s.next_at is not null and s.tenant_id > $1
        order by s.tenant_id, s.next_at
        limit 1
    )
    union all
    select next.tenant_id, next.next_at
    from turn
    cross join lateral (
        select s.tenant_id, s.next_at
        from schedule s
        where s.next_at is not null and s.tenant_id > turn.tenant_id
        order by s.tenant_id, s.next_at
        limit 1
    ) as next
)
select due.tenant_id as "tenant_id!", due.name as "name!"
from turn
cross join lateral (
    select s.tenant_id, s.name
    from schedule s
    where s.tenant_id = turn.tenant_id and s.next_at <= now()
    order by s.next_at
    limit $3
) as due
where turn.next_at <= now()
  and turn.tenant_id not in (select id from tenant where frozen_at is not null)
limit $2
