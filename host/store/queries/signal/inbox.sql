-- What is in a run's inbox.
select id, name, payload
from signal
where tenant_id = $1 and run_id = $2 and consumed_at is null
order by id
