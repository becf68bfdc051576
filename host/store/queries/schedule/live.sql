-- The run of a tenant_id if it has not ended.
select id from run where tenant_id = $1 and id = $2 and ended_at is null
