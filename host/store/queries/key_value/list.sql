-- At most $5 keys of a flow (tenant_id, flow) that begin with $3, those after $4. No key is behind its prefix and the last
-- characters there are.
select key
from key_value
where tenant_id = $1 and flow_id = $2 and key >= $3 and key <= $3 || repeat(chr(1114111), 128) and key > $4 and starts_with(key, $3)
order by key
limit $5
