-- What a task goes on with.
select phase, phase_name, state, awaits, children_left is not null as "spawned!"
from task
where tenant_id = $1 and run_id = $2 and step = $3 and index = $4
