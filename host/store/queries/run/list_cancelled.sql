-- A page of a tenant's cancelled runs, newest first.
select
    r.id, f.name as flow_name, r.version, r.status::text as "status!", iso8601(r.created_at) as "created_at!",
    iso8601(r.started_at) as "started_at", iso8601(r.ended_at) as "ended_at", r.failure
from run r
join flow f on f.tenant_id = r.tenant_id and f.id = r.flow_id
where r.tenant_id = $1
  and ($2::bigint is null or r.flow_id = $2)
  and ($3::int is null or r.version = $3)
  and r.id < $4
  and r.cancelled_at is not null
order by r.id desc
limit $5
