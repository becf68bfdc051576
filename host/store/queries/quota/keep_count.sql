-- Keeps what a tenant (tenant_id) was counted to store.
update stored set bytes = $2, counted_at = now() where tenant_id = $1
