-- Records a batch of what attempts ended in: all of it, or nothing when a token (tenant_id, run and birth, held by
-- worker $1 at its epoch) is not held any more. That is the division by zero, 22012.
with moved as (
    update token t
    set step = m.step, lo = m.lo, hi = m.hi, attempt = m.attempt, phase = m.phase, lost = m.lost,
        worker_id = case when m.keep then t.worker_id end,
        epoch = t.epoch + (not m.keep)::int,
        wake_at = case
            when m.wake_in_ms = 9223372036854775807 then 'infinity'
            when m.wake_in_ms > 0 then now() + m.wake_in_ms * interval '1 ms'
        end,
        gate = null, key = null, key_limit = null, rate = null, weight = null, gate_until = null
    from unnest(
        $2::int[], $3::uuid[], $4::smallint[], $5::int[], $6::smallint[], $7::int[],
        $8::smallint[], $9::int[], $10::int[], $11::smallint[], $12::smallint[], $13::bool[], $14::bigint[],
        $83::smallint[]
    ) as m (tenant_id, run_id, born_step, born_index, born_attempt, epoch, step, lo, hi, attempt, lost, keep, wake_in_ms,
        phase)
    where t.tenant_id = m.tenant_id and t.run_id = m.run_id and t.born_step = m.born_step
      and t.born_index = m.born_index and t.born_attempt = m.born_attempt
      and t.worker_id = $1 and t.epoch = m.epoch
    returning 1
),
ended as (
    delete from token t
    using unnest($15::int[], $16::uuid[], $17::smallint[], $18::int[], $19::smallint[], $20::int[])
        as e (tenant_id, run_id, born_step, born_index, born_attempt, epoch)
    where t.tenant_id = e.tenant_id and t.run_id = e.run_id and t.born_step = e.born_step
      and t.born_index = e.born_index and t.born_attempt = e.born_attempt
      and t.worker_id = $1 and t.epoch = e.epoch
    returning 1
),
fence as (
    select 1 / (((select count(*) from moved) = cardinality($2::int[])
             and (select count(*) from ended) = cardinality($15::int[]))::int) as held
),
recorded as (
    insert into outcome (tenant_id, run_id, step, index, attempt, ord, output, failure, fuel, wall_us, instantiate_us,
        peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, phase, worker_id)
    select o.*, $1
    from fence, unnest(
        $21::int[], $22::uuid[], $23::smallint[], $24::int[], $25::smallint[], $26::int[], $27::text[], $28::text[],
        $29::bigint[], $30::bigint[], $31::int[], $32::bigint[], $33::int[], $34::int[], $35::int[], $36::int[],
        $84::smallint[]
    ) as o
    where fence.held = 1
),
failed_attempts as (
    insert into attempt (tenant_id, run_id, step, index, attempt, ord, retry_in_ms, failure, fuel, wall_us,
        instantiate_us, peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, phase, go_on, worker_id)
    select a.*, $1
    from fence, unnest(
        $37::int[], $38::uuid[], $39::smallint[], $40::int[], $41::smallint[], $42::int[], $43::bigint[], $44::text[],
        $45::bigint[], $46::bigint[], $47::int[], $48::bigint[], $49::int[], $50::int[], $51::int[], $52::int[],
        $85::smallint[], $86::text[]
    ) as a
    where fence.held = 1
),
logged as (
    insert into attempt_log (tenant_id, run_id, step, index, attempt, lines, phase)
    select l.*
    from fence, unnest(
        $53::int[], $54::uuid[], $55::smallint[], $56::int[], $57::smallint[], $58::text[], $87::smallint[]
    ) as l
    where fence.held = 1
),
used as (
    insert into usage as u (tenant_id, hour, worker_id, lane, attempts, failed_attempts, fuel, wall_us, host_calls,
        input_bytes, output_bytes, log_bytes)
    select n.tenant_id, date_trunc('hour', now(), 'UTC'), $1, $90, n.attempts, n.failed_attempts, n.fuel, n.wall_us,
        n.host_calls, n.input_bytes, n.output_bytes, n.log_bytes
    from fence, unnest($91::int[], $92::bigint[], $93::bigint[], $94::bigint[], $95::bigint[], $96::bigint[], $97::bigint[],
        $98::bigint[], $99::bigint[])
        as n (tenant_id, attempts, failed_attempts, fuel, wall_us, host_calls, input_bytes, output_bytes, log_bytes)
    where fence.held = 1
    on conflict (tenant_id, hour, worker_id, lane) do update set
        attempts = u.attempts + excluded.attempts, failed_attempts = u.failed_attempts + excluded.failed_attempts,
        fuel = u.fuel + excluded.fuel, wall_us = u.wall_us + excluded.wall_us,
        host_calls = u.host_calls + excluded.host_calls, input_bytes = u.input_bytes + excluded.input_bytes,
        output_bytes = u.output_bytes + excluded.output_bytes, log_bytes = u.log_bytes + excluded.log_bytes
),
arrived as (
    insert into arrival as a (tenant_id, run_id, step, arrived, arrival_count)
    select n.tenant_id, n.run_id, n.step, n.arrived, n.arrival_count
    from fence, unnest($59::int[], $60::uuid[], $61::smallint[], $62::int[], $63::int[])
        as n (tenant_id, run_id, step, arrived, arrival_count)
    where fence.held = 1
    order by n.tenant_id, n.run_id, n.step
    on conflict (tenant_id, run_id, step) do update set arrived = a.arrived + excluded.arrived
    returning a.tenant_id, a.run_id, a.step, a.arrived = a.arrival_count as complete
),
joined as (
    select a.tenant_id, a.run_id, a.step, n.lo, n.priority
    from arrived a
    join unnest($59::int[], $60::uuid[], $61::smallint[], $62::int[], $64::int[], $65::smallint[])
        as n (tenant_id, run_id, step, arrived, lo, priority)
      on n.tenant_id = a.tenant_id and n.run_id = a.run_id and n.step = a.step
    where a.complete and n.arrived > 0
),
born as (
    insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, worker_id,
        attempt, lost, priority, phase, wake_at)
    select b.tenant_id, b.run_id, b.step, b.born_index, b.born_attempt, b.step, b.lo, b.hi, 1,
        case when b.keep then $1 end, b.attempt, b.lost, b.priority, b.phase,
        case
            when b.wake_in_ms = 9223372036854775807 then 'infinity'
            when b.wake_in_ms > 0 then now() + b.wake_in_ms * interval '1 ms'
        end
    from fence, unnest(
        $66::int[], $67::uuid[], $68::smallint[], $69::int[], $70::int[], $71::int[], $72::smallint[],
        $73::smallint[], $74::smallint[], $75::bool[], $76::bigint[], $88::smallint[], $89::smallint[]
    ) as b (tenant_id, run_id, step, born_index, lo, hi, attempt, lost, priority, keep, wake_in_ms, phase, born_attempt)
    where fence.held = 1
    union all
    select j.tenant_id, j.run_id, j.step, j.lo, 1, j.step, j.lo, 0, 1, $1, 1, 0, j.priority, 0, null
    from joined j
    where j.step >= 0 and j.lo < 0
    on conflict do nothing
),
completed as (
    update run r
    set status = 'completed', ended_at = now()
    from (
        select c.tenant_id, c.run_id
        from fence, unnest($77::int[], $78::uuid[]) as c (tenant_id, run_id)
        where fence.held = 1
        union all
        select j.tenant_id, j.run_id from joined j where j.step = -1
    ) as c
    where r.tenant_id = c.tenant_id and r.id = c.run_id and r.status in ('queued', 'running')
    returning r.tenant_id, r.id
),
failed as (
    update run r
    set status = 'failed', ended_at = now(), failed_step = f.step, failure = f.failure
    from fence, unnest($79::int[], $80::uuid[], $81::smallint[], $82::text[]) as f (tenant_id, run_id, step, failure)
    where fence.held = 1
      and r.tenant_id = f.tenant_id and r.id = f.run_id and r.status in ('queued', 'running')
    returning r.tenant_id, r.id
)
select j.tenant_id, j.run_id, j.step, j.lo
from fence
left join joined j on true
