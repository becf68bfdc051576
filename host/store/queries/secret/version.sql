-- The version of a secret (tenant_id, name), where it is set, and how many the tenant has.
select (select version from secret where tenant_id = $1 and name = $2) as version,
    (select count(*) from secret where tenant_id = $1) as "count!"
