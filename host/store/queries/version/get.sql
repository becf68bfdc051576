-- One version: its definition and what is known of it.
select v.definition, iso8601(v.created_at) as "created_at!", encode(v.content_hash, 'hex') as "content_hash!"
from flow_version v
where v.tenant_id = $1 and v.flow_id = $2 and v.version = $3
