-- The tenant of this name; every other read goes by the tenant_id this one answers.
select id as tenant_id from tenant where name = $1 and deleting_at is null
