-- A page of a tenant's components, by digest.
select digest, report, length(bytes)::bigint as "size_bytes!", iso8601(created_at) as "created_at!"
from component
where tenant_id = $1 and digest > $2
order by digest
limit $3
