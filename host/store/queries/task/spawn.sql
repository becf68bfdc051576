-- Starts children, each with a token for every root step, and has their parents (tenant_id, run, step, index) wait for
-- them. A child whose key its parent has used is there already and is not waited for. A parent with nobody to wait for
-- becomes ready.
with wanted as (
    select w.*, v.root_steps, (p.depth + 1)::smallint as depth,
        -- The smaller of its own deadline and its parent's.
        least(now() + w.deadline_ms * interval '1 ms', p.deadline_at) as deadline_at
    from unnest(
        $1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::uuid[], $6::bigint[], $7::int[], $8::text[],
        $9::smallint[], $10::text[], $11::bool[], $12::text[], $17::bigint[]
    ) as w (tenant_id, parent_run_id, parent_step, parent_index, run_id, flow_id, version, input, priority, child_key,
        abandoned, traceparent, deadline_ms)
    join flow_version v on v.tenant_id = w.tenant_id and v.flow_id = w.flow_id and v.version = w.version
    join run p on p.tenant_id = w.tenant_id and p.id = w.parent_run_id
),
started as (
    insert into run (tenant_id, id, flow_id, version, status, input, priority, traceparent, parent_run_id, parent_step,
        parent_index, child_key, abandoned, depth, deadline_at)
    select tenant_id, run_id, flow_id, version, 'queued', input, priority, traceparent, parent_run_id, parent_step,
        parent_index, child_key, abandoned, depth, deadline_at
    from wanted
    on conflict do nothing
    returning tenant_id, id, parent_run_id, parent_step, parent_index
),
opened as (
    insert into token (tenant_id, run_id, born_step, born_index, born_attempt, step, lo, hi, epoch, priority)
    select w.tenant_id, w.run_id, root, -1, 1, root, -1, 0, 1, w.priority
    from started s
    join wanted w on w.tenant_id = s.tenant_id and w.run_id = s.id, unnest(w.root_steps) as root
),
bound as (
    insert into run_deadline (tenant_id, run_id, deadline_at)
    select w.tenant_id, w.run_id, w.deadline_at
    from started s
    join wanted w on w.tenant_id = s.tenant_id and w.run_id = s.id
    where w.deadline_at is not null
),
waiting as (
    update task t
    set children_left = (
        select count(*) from started s
        where s.tenant_id = p.tenant_id and s.parent_run_id = p.run_id and s.parent_step = p.step
          and s.parent_index = p.index
    )
    from unnest($13::int[], $14::uuid[], $15::smallint[], $16::int[]) as p (tenant_id, run_id, step, index)
    where t.tenant_id = p.tenant_id and t.run_id = p.run_id and t.step = p.step and t.index = p.index
    returning t.tenant_id, t.run_id, t.step, t.index, t.children_left
)
update token k
set wake_at = null
from waiting w
where w.children_left = 0
  and k.tenant_id = w.tenant_id and k.run_id = w.run_id and k.step = w.step and k.lo = w.index
  and k.worker_id is null and k.wake_at is not null
