-- Starts runs: one row each and a token for each root step. A run whose version is not the current one any more is
-- not started, unless it asked for that version. A run with a live worker is born claimed and never
-- becomes ready.
with wanted as (
    select w.*, v.root_steps, k.id as holder
    from unnest(
        $1::int[], $2::uuid[], $3::bigint[], $4::int[], $5::bool[], $6::text[], $7::smallint[], $8::text[],
        $9::int[], $10::bigint[], $11::text[], $12::bigint[], $13::text[]
    ) as w (tenant_id, run_id, flow_id, version, pinned, input, priority, traceparent, worker_id, delay_ms, options,
        deadline_ms, key)
    join flow f on f.tenant_id = w.tenant_id and f.id = w.flow_id
    join flow_version v on v.tenant_id = w.tenant_id and v.flow_id = w.flow_id and v.version = w.version
    left join worker k on k.id = w.worker_id and k.lost_at is null
    where w.pinned or f.current_version = w.version
),
started as (
    insert into run (tenant_id, id, flow_id, version, status, started_at, input, priority, traceparent, options, key,
        deadline_at)
    select
        tenant_id, run_id, flow_id, version,
        (case when holder is null then 'queued' else 'running' end)::run_status,
        case when holder is not null then now() end,
        input, priority, traceparent, options, key, now() + deadline_ms * interval '1 ms'
    from wanted
),
bound as (
    insert into run_deadline (tenant_id, run_id, deadline_at)
    select tenant_id, run_id, now() + deadline_ms * interval '1 ms' from wanted where deadline_ms is not null
),
opened as (
    insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, worker_id, priority, wake_at)
    select
        tenant_id, run_id, root, -1, 1, root, -1, 0, 1, holder, priority,
        case when delay_ms > 0 then now() + delay_ms * interval '1 ms' end
    from wanted, unnest(root_steps) as root
)
select run_id as "run_id!" from wanted
