-- Deletes a secret (tenant_id, name).
delete from secret where tenant_id = $1 and name = $2
