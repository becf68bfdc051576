-- Folds usage of hours that ended two days ago into one row of each tenant_id and hour, that of worker 0: $1 rows at most.
with old as (
    delete from usage
    where (tenant_id, hour, worker_id, lane) in (
        select tenant_id, hour, worker_id, lane
        from usage
        where worker_id <> 0 and hour < now() - interval '2 days 1 hour'
        order by hour
        limit $1
        for update skip locked
    )
    returning *
),
folded as (
    insert into usage as u (tenant_id, hour, worker_id, lane, attempts, failed_attempts, fuel, wall_us, host_calls,
        input_bytes, output_bytes, log_bytes, compile_ms)
    select tenant_id, hour, 0, 0, sum(attempts), sum(failed_attempts), sum(fuel), sum(wall_us), sum(host_calls),
        sum(input_bytes), sum(output_bytes), sum(log_bytes), sum(compile_ms)
    from old
    group by tenant_id, hour
    order by tenant_id, hour
    on conflict (tenant_id, hour, worker_id, lane) do update set
        attempts = u.attempts + excluded.attempts, failed_attempts = u.failed_attempts + excluded.failed_attempts,
        fuel = u.fuel + excluded.fuel, wall_us = u.wall_us + excluded.wall_us,
        host_calls = u.host_calls + excluded.host_calls, input_bytes = u.input_bytes + excluded.input_bytes,
        output_bytes = u.output_bytes + excluded.output_bytes, log_bytes = u.log_bytes + excluded.log_bytes,
        compile_ms = u.compile_ms + excluded.compile_ms
)
select count(*) as "rows!" from old
