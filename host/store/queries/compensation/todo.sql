-- The completed tasks of some steps of a run (tenant_id) that are not compensated yet, the one that completed last first. What
-- they answered is read one by one.
select o.step, o.index,
    (select count(*) from compensated c
     where c.tenant_id = o.tenant_id and c.run_id = o.run_id and c.step = o.step and c.index = o.index) as "attempts!"
from outcome o
where o.tenant_id = $1 and o.run_id = $2 and o.step = any($3::smallint[]) and o.index >= 0 and o.output is not null
  and not exists (
      select from compensated c
      where c.tenant_id = o.tenant_id and c.run_id = o.run_id and c.step = o.step and c.index = o.index and c.is_last
  )
order by o.xid desc, o.ord desc
