-- What a task goes on with.
select phase, phase_name, state, awaits,
    (extract(epoch from await_until - now()) * 1000)::bigint as awaits_for_ms, children_left is not null as "spawned!"
from task
where tenant_id = $1 and run_id = $2 and step = $3 and index = $4
