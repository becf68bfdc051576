-- The versions of a flow, newest first. A live run has a token, so only those are counted.
with live as (
    select r.version, count(*) as run_count
    from (select distinct run_id from token where tenant_id = $1) as t
    join run r on r.tenant_id = $1 and r.id = t.run_id
    where r.flow_id = $2 and r.status in ('queued', 'running')
    group by r.version
)
select v.version, iso8601(v.created_at) as "created_at!", encode(v.content_hash, 'hex') as "content_hash!",
    coalesce((select l.run_count from live l where l.version = v.version), 0) as "live_count!",
    iso8601((
        select max(a.activated_at) from activation a
        where a.tenant_id = v.tenant_id and a.flow_id = v.flow_id and a.version = v.version
    )) as activated_at
from flow_version v
where v.tenant_id = $1 and v.flow_id = $2 and v.version < $3
order by v.version desc
limit $4
