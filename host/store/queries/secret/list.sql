-- A page of a tenant's secrets, by name: those after $2, of tenant_id. Never a value.
select name, version, key_id, iso8601(created_at) as "created_at!", iso8601(updated_at) as "updated_at!"
from secret
where tenant_id = $1 and name > $2
order by name
limit $3
