-- Keeps what attempts used and wrote that were at work when their run (tenant_id, id) ended; $1 ran them. Nothing for
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
    returning tenant_id, run_id, step, index, phase, attempt
),
logged as (
    insert into attempt_log (tenant_id, run_id, step, index, phase, attempt, lines)
    select tenant_id, run_id, step, index, phase, attempt, e.lines
    from kept join ended e using (tenant_id, run_id, step, index, phase, attempt)
    where e.lines is not null
    on conflict do nothing
)
select run_id as "run_id!" from ended
