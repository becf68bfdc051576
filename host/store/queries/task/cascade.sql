-- Stops the children, and theirs, of runs that ended badly or of steps that were skipped: for each (tenant_id, run, step);
-- step -1: of any. Abandoned ones go on. Tokens are locked before runs, as recording does.
with recursive doomed as (
    select c.tenant_id, c.id
    from unnest($1::int[], $2::uuid[], $3::smallint[]) as p (tenant_id, run_id, step)
    join run c on c.tenant_id = p.tenant_id and c.parent_run_id = p.run_id and (p.step < 0 or c.parent_step = p.step)
    where not c.abandoned and c.ended_at is null
    union
    select c.tenant_id, c.id
    from doomed d
    join run c on c.tenant_id = d.tenant_id and c.parent_run_id = d.id
    where not c.abandoned and c.ended_at is null
),
held as materialized (
    select count(*) as token_count
    from (
        select from token t
        join doomed d on d.tenant_id = t.tenant_id and d.id = t.run_id
        order by t.run_id, t.born_step, t.born_index
        for update of t
    ) as t
),
cancelled as (
    update run r
    set status = 'cancelled', ended_at = now(), cancelled_at = now()
    from held, doomed d
    where r.tenant_id = d.tenant_id and r.id = d.id and r.status in ('queued', 'running')
    returning r.tenant_id, r.id
)
select tenant_id as "tenant_id!", id as "id!" from cancelled
