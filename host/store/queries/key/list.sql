-- A page of a tenant's keys, by id.
select id, label, scopes, iso8601(created_at) as "created_at!", iso8601(expires_at) as "expires_at", iso8601(revoked_at) as "revoked_at"
from api_key
where tenant_id = $1 and id > $2
order by id
limit $3
