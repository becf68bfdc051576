-- The children of a task, in the order they were spawned; $5 at most.
select id, flow_id, version, status::text as "status!", child_key, failure
from run
where tenant_id = $1 and parent_run_id = $2 and parent_step = $3 and parent_index = $4
order by id
limit $5
