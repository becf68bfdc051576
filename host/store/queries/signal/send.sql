-- Puts a signal into the inbox of a live run with room for it ($6: entries at most, $7: bytes), and makes the tasks ready that wait
-- for it. An entry with the same dedup key is there already. Comes after lock.sql in its transaction.
with run_now as (
    select status in ('queued', 'running') as is_live from run where tenant_id = $1 and id = $2
),
before as (
    select id from signal where tenant_id = $1 and run_id = $2 and dedup_key = $5
),
full_inbox as (
    select count(*) >= $6 or coalesce(sum(octet_length(payload)), 0) + octet_length($4) > $7::bigint as is_full
    from signal
    where tenant_id = $1 and run_id = $2 and consumed_at is null
),
added as (
    insert into signal (tenant_id, run_id, name, payload, dedup_key)
    select $1, $2, $3, $4, $5
    from run_now, full_inbox
    where is_live and not is_full and not exists (select from before)
    returning id
),
woken as (
    update token t
    set wake_at = null
    from task k, added
    where k.tenant_id = $1 and k.run_id = $2 and $3 = any(k.awaits)
      and t.tenant_id = k.tenant_id and t.run_id = k.run_id and t.step = k.step and t.lo = k.index and t.phase = k.phase
      and t.attempt = 1 and t.worker_id is null and t.wake_at is not null and t.gate is null
    returning 1
)
select
    (select is_live from run_now) as is_live,
    (select is_full from full_inbox) as "is_full!",
    (select id from before) as before_id,
    (select id from added) as added_id,
    (select count(*) from woken) as "woken!"
