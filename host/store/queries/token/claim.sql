-- Claims ready tokens, a few for each tenant after the cursor (tenant_id > $2), so that no backlog is ever in front of
-- another tenant's: $4 in all, by weight, and of each as many as there is room for. Answers with what a worker needs to go
-- on.
with recursive turn as (
    (select min(tenant_id) as tenant_id from token
     where worker_id is null and wake_at is null and tenant_id > $2)
    union all
    select (select min(t.tenant_id) from token t
            where t.worker_id is null and t.wake_at is null and t.tenant_id > turn.tenant_id)
    from turn
    where turn.tenant_id is not null
),
picked as (
    select p.*
    from (
        select tenant_id, least(room, greatest($4 * weight / sum(weight) over (), 1))::bigint as tokens
        from (
            select turn.tenant_id, coalesce(share.weight, 100) as weight, coalesce(share.room, $8) as room
            from turn
            left join unnest($5::int[], $6::bigint[], $7::bigint[]) as share (tenant_id, weight, room)
                on share.tenant_id = turn.tenant_id
            where turn.tenant_id is not null and coalesce(share.room, $8) > 0
            -- In the order of the recursion, which ends where the limit does: sorted, it would go through every tenant.
            limit $3
        ) as their
    ) as chosen
    cross join lateral (
        select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt
        from token t
        where t.worker_id is null and t.wake_at is null and t.tenant_id = chosen.tenant_id
        order by t.priority desc, t.run_id
        limit chosen.tokens
        for update skip locked
    ) as p
),
live as (
    select p.*, coalesce(r.status in ('queued', 'running'), false) as is_live
    from picked p
    left join run r on r.tenant_id = p.tenant_id and r.id = p.run_id
),
swept as (
    -- Born in the moment their run ended, or left behind by one that is gone.
    delete from token t
    using live p
    where not p.is_live
      and t.tenant_id = p.tenant_id
      and t.run_id = p.run_id
      and t.born_step = p.born_step
      and t.born_index = p.born_index
      and t.born_attempt = p.born_attempt
),
claimed as (
    update token t
    set worker_id = $1, epoch = t.epoch + 1
    from live p
    where p.is_live
      and t.tenant_id = p.tenant_id
      and t.run_id = p.run_id
      and t.born_step = p.born_step
      and t.born_index = p.born_index
      and t.born_attempt = p.born_attempt
    returning t.*
),
begun as (
    update run r
    set status = 'running', started_at = now()
    from (select distinct tenant_id, run_id from claimed) as c
    where r.tenant_id = c.tenant_id and r.id = c.run_id and r.status = 'queued'
)
select
    c.tenant_id as "tenant_id!", c.run_id as "run_id!", c.born_step as "born_step!", c.born_index as "born_index!",
    c.born_attempt as "born_attempt!", c.step as "step!", c.lo as "lo!", c.hi as "hi!", c.attempt as "attempt!",
    c.phase as "phase!", c.lost as "lost!", c.epoch as "epoch!", c.priority as "priority!",
    r.flow_id as "flow_id!", r.version as "version!", r.input as "input!", r.traceparent,
    r.parent_run_id is not null as "is_child!", r.options, r.depth as "depth!",
    (extract(epoch from r.deadline_at - now()) * 1000)::bigint as deadline_in_ms,
    n.name as "tenant_name!"
from claimed c
join run r on r.tenant_id = c.tenant_id and r.id = c.run_id
join tenant n on n.id = c.tenant_id
