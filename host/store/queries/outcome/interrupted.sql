-- Keeps, and adds to usage, what attempts used and wrote that were at work when their run (tenant_id, id) ended; $1 ran them. Nothing for
-- runs that go on: there the attempt belongs to somebody else now.
with ended as (
    select a.*
    from unnest(
        $2::int[], $3::uuid[], $4::smallint[], $5::int[], $6::smallint[], $7::text[], $8::bigint[], $9::bigint[],
        $10::int[], $11::bigint[], $12::int[], $13::int[], $14::int[], $15::int[], $16::text[], $17::smallint[]
    ) as a (tenant_id, run_id, step, index, attempt, failure, fuel, wall_us, instantiate_us, peak_memory_bytes,
        input_bytes, output_bytes, host_calls, log_bytes, lines, phase)
    join run r on r.tenant_id = a.tenant_id and r.id = a.run_id and r.ended_at is not null
    where not exists (
        select from outcome o
        where o.tenant_id = a.tenant_id and o.run_id = a.run_id and o.step = a.step and o.index = a.index
    )
),
kept as (
    insert into attempt (tenant_id, run_id, step, index, phase, attempt, ord, retry_in_ms, failure, fuel, wall_us,
        instantiate_us, peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, worker_id)
    select tenant_id, run_id, step, index, phase, attempt, 0, 0, failure, fuel, wall_us, instantiate_us, peak_memory_bytes,
        input_bytes, output_bytes, host_calls, log_bytes, $1
    from ended
    on conflict do nothing
    returning tenant_id, run_id, step, index, phase, attempt, fuel, wall_us, host_calls, input_bytes, output_bytes, log_bytes
),
-- Lane -1: no batch of a lane waits for this one.
used as (
    insert into usage as u (tenant_id, hour, worker_id, lane, attempts, failed_attempts, fuel, wall_us, host_calls,
        input_bytes, output_bytes, log_bytes)
    select tenant_id, date_trunc('hour', now(), 'UTC'), $1, -1, count(*), count(*), sum(fuel), sum(wall_us), sum(host_calls),
        sum(input_bytes), sum(output_bytes), sum(log_bytes)
    from kept
    group by tenant_id
    order by tenant_id
    on conflict (tenant_id, hour, worker_id, lane) do update set
        attempts = u.attempts + excluded.attempts, failed_attempts = u.failed_attempts + excluded.failed_attempts,
        fuel = u.fuel + excluded.fuel, wall_us = u.wall_us + excluded.wall_us,
        host_calls = u.host_calls + excluded.host_calls, input_bytes = u.input_bytes + excluded.input_bytes,
        output_bytes = u.output_bytes + excluded.output_bytes, log_bytes = u.log_bytes + excluded.log_bytes
),
logged as (
    insert into attempt_log (tenant_id, run_id, step, index, phase, attempt, lines)
    select tenant_id, run_id, step, index, phase, attempt, e.lines
    from kept join ended e using (tenant_id, run_id, step, index, phase, attempt)
    where e.lines is not null
    on conflict do nothing
)
select run_id as "run_id!" from ended
