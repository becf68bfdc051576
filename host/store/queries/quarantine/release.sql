-- Releases a tenant's (tenant_id) component.
delete from quarantine where tenant_id = $1 and digest = $2
