-- A page of a tenant's queued or running runs, newest first. Each of them has a token; most runs have none. From one
-- run's tokens to the next's, as far as the page goes.
with recursive live as (
    (select run_id from token where tenant_id = $1 and run_id < $4 order by run_id desc limit 1)
    union all
    select next.run_id
    from live
    cross join lateral (
        select t.run_id from token t where t.tenant_id = $1 and t.run_id < live.run_id order by t.run_id desc limit 1
    ) as next
)
select
    r.id, r.flow_name, r.version, r.status::text as "status!", iso8601(r.created_at) as "created_at!",
    iso8601(r.started_at) as "started_at", iso8601(r.ended_at) as "ended_at", r.failure
from (
    select found.*
    from live
    cross join lateral (
        select run.*, f.name as flow_name
        from run
        join flow f on f.tenant_id = run.tenant_id and f.id = run.flow_id
        where run.tenant_id = $1 and run.id = live.run_id
          and ($2::bigint is null or run.flow_id = $2)
          and ($3::int is null or run.version = $3)
          and run.status = $5::text::run_status
        limit 1
    ) as found
    limit $6
) as r
order by r.id desc
