-- Copies a run (tenant_id, id) that has parked, $3 times: its row, its token, what its task goes on with, the receipt of the
-- attempt that parked it.
with numbered as (
    -- UUIDv7: milliseconds, a counter, randomness.
    select (
        lpad(to_hex((extract(epoch from now()) * 1000)::bigint + n / 4096), 12, '0')
        || '7' || lpad(to_hex(n % 4096), 3, '0')
        || '8' || substr(md5(random()::text), 1, 15)
    )::uuid as id
    from generate_series(1, $3::bigint) as n
),
started as (
    insert into run (tenant_id, id, flow_id, version, status, started_at, input)
    select r.tenant_id, n.id, r.flow_id, r.version, r.status, r.started_at, r.input
    from run r, numbered n
    where r.tenant_id = $1 and r.id = $2
),
attempted as (
    insert into attempt (tenant_id, run_id, step, index, phase, attempt, ord, retry_in_ms, go_on, fuel, wall_us,
        instantiate_us, peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, worker_id)
    select a.tenant_id, n.id, a.step, a.index, a.phase, a.attempt, a.ord, a.retry_in_ms, a.go_on, a.fuel, a.wall_us,
        a.instantiate_us, a.peak_memory_bytes, a.input_bytes, a.output_bytes, a.host_calls, a.log_bytes, a.worker_id
    from attempt a, numbered n
    where a.tenant_id = $1 and a.run_id = $2
),
kept as (
    insert into task (tenant_id, run_id, step, index, phase, phase_name, state, awaits)
    select k.tenant_id, n.id, k.step, k.index, k.phase, k.phase_name, k.state, k.awaits
    from task k, numbered n
    where k.tenant_id = $1 and k.run_id = $2
)
insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, attempt, phase, wake_at)
select t.tenant_id, n.id, t.born_step, t.born_index, t.born_attempt, t.step, t.lo, t.hi, t.epoch, t.attempt, t.phase, t.wake_at
from token t, numbered n
where t.tenant_id = $1 and t.run_id = $2
