-- Takes runs to compensate for worker $1, a few for each tenant after the cursor (tenant_id > $2), as claims of tokens do: $4
-- in all, of each tenant as many as there is room for, none of one that is frozen, for $8 milliseconds.
with recursive turn as (
    (select min(tenant_id) as tenant_id from compensation where tenant_id > $2)
    union all
    select (select min(c.tenant_id) from compensation c where c.tenant_id > turn.tenant_id)
    from turn
    where turn.tenant_id is not null
),
chosen as (
    select tenant_id, least(room, greatest($4 * weight / sum(weight) over (), 1))::bigint as runs
    from (
        select turn.tenant_id, coalesce(share.weight, 100) as weight, coalesce(share.room, $9) as room
        from turn
        join tenant n on n.id = turn.tenant_id and n.frozen_at is null
        left join unnest($5::int[], $6::bigint[], $7::bigint[]) as share (tenant_id, weight, room)
            on share.tenant_id = turn.tenant_id
        where coalesce(share.room, $9) > 0
          and exists (select from compensation c where c.tenant_id = turn.tenant_id and c.due_at <= now())
        order by turn.tenant_id
        limit $3
    ) as their
),
due as (
    select d.*
    from chosen
    cross join lateral (
        select c.tenant_id, c.run_id
        from compensation c
        where c.tenant_id = chosen.tenant_id and c.due_at <= now()
        order by c.due_at
        limit chosen.runs
        for update skip locked
    ) as d
),
taken as (
    update compensation c
    set epoch = c.epoch + 1, worker_id = $1, due_at = now() + $8::bigint * interval '1 ms',
        -- Whoever had it neither recorded anything nor gave it back.
        lost = least(c.lost + (c.worker_id is not null)::int, 1000)
    from due d
    where c.tenant_id = d.tenant_id and c.run_id = d.run_id
    returning c.tenant_id, c.run_id, c.epoch, c.lost
)
select
    t.tenant_id, t.run_id, t.epoch, t.lost, r.flow_id, r.version, r.input, r.traceparent, r.priority, r.options,
    n.name as tenant_name
from taken t
join run r on r.tenant_id = t.tenant_id and r.id = t.run_id
join tenant n on n.id = t.tenant_id
