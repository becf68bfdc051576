-- Makes tokens whose moment has come ready, whichever tenant_id they have; a bite at a time.
with due as (
    select tenant_id, run_id, born_step, born_index, born_attempt
    from token
    where wake_at <= now()
    order by wake_at
    limit $1
    for update skip locked
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
select
    (select count(*) from woken) as "woken!",
    (select ceil(extract(epoch from min(wake_at) - now()) * 1000)::bigint from token
     where wake_at > now() and wake_at < 'infinity') as next_in_ms
