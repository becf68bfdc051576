-- Deletes a closure (tenant_id, name); Postgres refuses while something names it.
delete from closure where tenant_id = $1 and name = $2
