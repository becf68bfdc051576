-- The key with this id, if it is valid now. A key names its tenant, so this is the one read that is not given one.
select k.tenant_id, t.name as tenant_name, k.secret_sha256, k.scopes, t.frozen_at is not null as "is_frozen!"
from api_key k
join tenant t on t.id = k.tenant_id
where k.id = $1
  and k.revoked_at is null
  and (k.expires_at is null or k.expires_at > now())
  and t.deleting_at is null
