-- The versions of a flow, newest first.
select v.version, iso8601(v.created_at) as "created_at!", encode(v.content_hash, 'hex') as "content_hash!",
    (select count(*) from run r
     where r.tenant_id = v.tenant_id and r.flow_id = v.flow_id and r.version = v.version
       and r.status in ('queued', 'running')) as "live_count!"
from flow_version v
where v.tenant_id = $1 and v.flow_id = $2 and v.version < $3
order by v.version desc
limit $4
