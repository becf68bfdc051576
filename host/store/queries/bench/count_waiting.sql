-- How many tokens move and how many wait, of a tenant_id's runs that are no older than $2.
select count(*) filter (where wake_at is null), count(*) filter (where wake_at is not null)
from token
where tenant_id = $1 and run_id >= $2
