-- Fails runs of any tenant_id whose deadline has passed, $1 at most; $2: the failure. Tokens are locked before runs, as
-- recording does.
with due as materialized (
    delete from run_deadline d
    using (
        select deadline_at, tenant_id, run_id
        from run_deadline
        where deadline_at <= now()
        order by deadline_at
        limit $1
        for update skip locked
    ) as p
    where d.deadline_at = p.deadline_at and d.tenant_id = p.tenant_id and d.run_id = p.run_id
    returning d.tenant_id, d.run_id
),
held as materialized (
    select count(*) as token_count
    from (
        select from token t
        join due d on d.tenant_id = t.tenant_id and d.run_id = t.run_id
        order by t.run_id, t.born_step, t.born_index
        for update of t
    ) as t
),
failed as (
    update run r
    set status = 'failed', ended_at = now(), failure = $2
    from held, due d
    where r.tenant_id = d.tenant_id and r.id = d.run_id and r.status in ('queued', 'running')
    returning r.tenant_id, r.id
)
select (select count(*) from due) as "due!", f.tenant_id as "tenant_id?", f.id as "id?"
from (select) as one
left join failed f on true
