-- How many of a tenant_id's runs that are no older than $2 have not completed.
select count(*) from run where tenant_id = $1 and id >= $2 and status <> 'completed'
