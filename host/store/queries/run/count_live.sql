-- How many of a tenant's runs have not ended.
select count(*) as "count!" from run where tenant_id = $1 and status in ('queued', 'running')
