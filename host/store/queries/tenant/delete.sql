-- Marks a tenant (its tenant_id) as gone; nothing where it was.
update tenant
set deleting_at = now(), frozen_at = coalesce(frozen_at, now())
where id = $1 and deleting_at is null
