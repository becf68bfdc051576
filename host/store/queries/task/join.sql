-- Counts the children among these runs (tenant_id, run) that this transaction has ended: the parent that waits for no
-- other becomes ready.
with ended as (
    select r.tenant_id, r.parent_run_id, r.parent_step, r.parent_index, count(*)::int as count
    from (select distinct tenant_id, run_id from unnest($1::int[], $2::uuid[]) as u (tenant_id, run_id)) as c
    join run r on r.tenant_id = c.tenant_id and r.id = c.run_id
    where r.parent_run_id is not null and r.ended_at is not null and r.xmin = pg_current_xact_id()::xid
    group by 1, 2, 3, 4
    order by 1, 2, 3, 4
),
counted as (
    update task t
    set children_left = t.children_left - e.count
    from ended e
    where t.tenant_id = e.tenant_id and t.run_id = e.parent_run_id and t.step = e.parent_step
      and t.index = e.parent_index and t.children_left > 0
    returning t.tenant_id, t.run_id, t.step, t.index, t.children_left
)
update token k
set wake_at = null
from counted c
where c.children_left = 0
  and k.tenant_id = c.tenant_id and k.run_id = c.run_id and k.step = c.step and k.lo = c.index
  and k.worker_id is null and k.wake_at is not null
