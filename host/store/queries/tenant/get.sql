-- The tenant of this name, with its tenant_id.
select id, name, iso8601(created_at) as "created_at!", iso8601(frozen_at) as "frozen_at"
from tenant
where name = $1 and deleting_at is null
