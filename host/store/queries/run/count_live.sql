-- How many of a tenant's runs have not ended: those that have a token.
select count(distinct run_id) as "count!" from token where tenant_id = $1
