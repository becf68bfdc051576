-- Makes due tokens ready, as many of each of a few tenants after the cursor (tenant_id > $2): whose moment came first among
-- all of them does not matter here. $1 in all, of at most $3 tenants.
with recursive turn as (
    (select min(tenant_id) as tenant_id from token where wake_at is not null and tenant_id > $2)
    union all
    select (select min(t.tenant_id) from token t where t.wake_at is not null and t.tenant_id > turn.tenant_id)
    from turn
    where turn.tenant_id is not null
),
chosen as (
    select tenant_id, greatest($1::bigint / count(*) over (), 1) as tokens
    from (
        select turn.tenant_id
        from turn
        where turn.tenant_id is not null
          and exists (select from token t where t.tenant_id = turn.tenant_id and t.wake_at <= now())
        -- In the order of the recursion, which ends where the limit does.
        limit $3
    ) as owed
),
due as (
    select d.*
    from chosen
    cross join lateral (
        select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt
        from token t
        where t.tenant_id = chosen.tenant_id and t.wake_at <= now()
        order by t.wake_at
        limit chosen.tokens
        for update skip locked
    ) as d
),
woken as (
    update token t
    set wake_at = null
    from due d
    where t.tenant_id = d.tenant_id
      and t.run_id = d.run_id
      and t.born_step = d.born_step
      and t.born_index = d.born_index
      and t.born_attempt = d.born_attempt
    returning 1
)
select (select count(*) from woken) as "woken!", (select max(tenant_id) from chosen) as last
