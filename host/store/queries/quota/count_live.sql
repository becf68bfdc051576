-- How many runs of a tenant (tenant_id) have not ended, counted up to a number.
select count(*) as "live!" from (select distinct run_id from token where tenant_id = $1 limit $2) as live
