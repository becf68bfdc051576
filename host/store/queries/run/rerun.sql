-- Runs a run ($2) of a tenant_id ($1) again as $3 on version $4: outcomes of the steps that are kept are copied ($5 to $6, a
-- step's place in the old version and in the new one), what they arrived at is counted, and the others open.
with started as (
    insert into run (tenant_id, id, flow_id, version, status, input, priority, traceparent, options, deadline_at, rerun_of)
    select tenant_id, $3, flow_id, $4, 'queued', input, priority, traceparent, options,
        now() + $12::bigint * interval '1 ms', id
    from run
    where tenant_id = $1 and id = $2
    returning id
),
bound as (
    insert into run_deadline (tenant_id, run_id, deadline_at)
    select $1, id, now() + $12::bigint * interval '1 ms' from started
    where $12::bigint is not null
),
kept as (
    insert into outcome (tenant_id, run_id, step, index, attempt, phase, ord, output, failure, fuel, wall_us, instantiate_us,
        peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, worker_id)
    select o.tenant_id, $3, k.new_step, o.index, o.attempt, o.phase, row_number() over (order by o.xid, o.ord), o.output,
        o.failure, 0, 0, 0, 0, 0, 0, 0, 0, o.worker_id
    from unnest($5::smallint[], $6::smallint[]) as k (old_step, new_step)
    join outcome o on o.tenant_id = $1 and o.run_id = $2 and o.step = k.old_step
),
arrived as (
    insert into arrival (tenant_id, run_id, step, arrived, arrival_count)
    select $1, $3, a.step, a.arrived, a.arrival_count
    from started, unnest($7::smallint[], $8::int[], $9::int[]) as a (step, arrived, arrival_count)
),
opened as (
    insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, priority)
    select $1, $3, step, -1, 1, step, -1, 0, 1, $11::smallint
    from started, unnest($10::smallint[]) as step
)
select exists (select from started) as "done!"
