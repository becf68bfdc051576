-- Records an attempt to compensate, and adds it to usage, by whoever still holds the run (tenant_id, run, epoch), who holds it for $14 more
-- milliseconds, or lets it rest that long before the next attempt; nothing for anybody else.
with held as (
    update compensation
    set due_at = now() + $14::bigint * interval '1 ms', lost = 0, worker_id = case when $7 then worker_id end
    where tenant_id = $1 and run_id = $2 and epoch = $3
    returning tenant_id, run_id
),
-- Lane -1: no batch of a lane waits for this one.
used as (
    insert into usage as u (tenant_id, hour, worker_id, lane, attempts, failed_attempts, fuel, wall_us, host_calls,
        input_bytes, output_bytes, log_bytes)
    select tenant_id, date_trunc('hour', now(), 'UTC'), $12, -1, 1, ($8::text is not null)::int, $9, $10, $15, $16, $17, $18
    from held
    on conflict (tenant_id, hour, worker_id, lane) do update set
        attempts = u.attempts + excluded.attempts, failed_attempts = u.failed_attempts + excluded.failed_attempts,
        fuel = u.fuel + excluded.fuel, wall_us = u.wall_us + excluded.wall_us,
        host_calls = u.host_calls + excluded.host_calls, input_bytes = u.input_bytes + excluded.input_bytes,
        output_bytes = u.output_bytes + excluded.output_bytes, log_bytes = u.log_bytes + excluded.log_bytes
)
insert into compensated (tenant_id, run_id, step, index, attempt, is_last, failure, fuel, wall_us, peak_memory_bytes,
    worker_id, lines)
select tenant_id, run_id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
from held
