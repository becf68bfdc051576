-- The version of a secret (tenant_id, name).
select version from secret where tenant_id = $1 and name = $2
