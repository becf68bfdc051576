-- Keeps what tasks go on with: for each (tenant_id, run, step, index) the phase it is at, its state (null: as it was) and
-- the names it waits for, as JSON. A retry stays at its phase and only changes its state.
insert into task as t (tenant_id, run_id, step, index, phase, phase_name, state, awaits, await_until)
select
    g.tenant_id, g.run_id, g.step, g.index, g.phase, g.phase_name, g.state,
    case when g.awaits is not null then array(select jsonb_array_elements_text(g.awaits::jsonb)) end,
    now() + g.awaits_for_ms * interval '1 ms'
from unnest(
    $1::int[], $2::uuid[], $3::smallint[], $4::int[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::bigint[]
) as g (tenant_id, run_id, step, index, phase, phase_name, state, awaits, awaits_for_ms)
order by g.tenant_id, g.run_id, g.step, g.index
on conflict (tenant_id, run_id, step, index) do update
set phase = excluded.phase,
    phase_name = case when excluded.phase = t.phase then t.phase_name else excluded.phase_name end,
    state = coalesce(excluded.state, t.state),
    await_until = case when excluded.phase = t.phase then t.await_until else excluded.await_until end,
    awaits = case when excluded.phase = t.phase then t.awaits else excluded.awaits end,
    children_left = case when excluded.phase = t.phase then t.children_left end
