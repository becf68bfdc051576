-- How many components a tenant (tenant_id) has.
select count(*) as "components!" from component where tenant_id = $1
