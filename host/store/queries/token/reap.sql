-- Takes the tokens of workers that stopped beating for their lease; while there is none, no token is looked at. A task
-- that was in flight ends its attempt as `worker_lost`; tokens of any tenant_id become ready with one more loss. $1: the
-- failure, $2: losses after which the worker that takes the token ends the task instead.
with dead as (
    update worker
    set lost_at = coalesce(lost_at, now())
    where beat_at < now() - lease_ms * interval '1 ms'
      and (lost_at is null or lost_at >= now() - interval '10 minutes')
    returning id, lost_at = now() as newly
),
forgotten as (
    delete from worker where lost_at < now() - interval '10 minutes'
),
freed as (
    update token t
    set worker_id = null, epoch = t.epoch + 1, lost = t.lost + 1,
        attempt = t.attempt + (case when t.lo >= 0 and t.hi = t.lo + 1 and t.lost + 1 < $2 then 1 else 0 end)
    from dead
    where t.worker_id = dead.id
    returning t.*, dead.id as dead_id
),
lost as (
    insert into attempt (tenant_id, run_id, step, index, phase, attempt, ord, retry_in_ms, failure, fuel, wall_us,
        peak_memory_bytes, instantiate_us, input_bytes, output_bytes, host_calls, log_bytes, worker_id)
    select tenant_id, run_id, step, lo, phase, attempt - 1, 0, 0, $1, 0, 0, 0, 0, 0, 0, 0, 0, dead_id
    from freed
    where lo >= 0 and hi = lo + 1 and lost < $2
    on conflict do nothing
)
select (select count(*) from dead where newly) as "workers!", (select count(*) from freed) as "tokens!"
