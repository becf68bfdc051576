-- Has a worker finish what it has and take nothing more. Workers belong to no tenant_id.
update worker
set deprecated_at = coalesce(deprecated_at, now())
where id = $1 and lost_at is null
