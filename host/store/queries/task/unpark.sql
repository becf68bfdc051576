-- Makes tasks ready that have just parked for signals of which one is in the inbox already: for each (tenant_id, run,
-- step, index).
update token t
set wake_at = null
from unnest($1::int[], $2::uuid[], $3::smallint[], $4::int[]) as p (tenant_id, run_id, step, index)
join task k on k.tenant_id = p.tenant_id and k.run_id = p.run_id and k.step = p.step and k.index = p.index
where t.tenant_id = p.tenant_id and t.run_id = p.run_id and t.step = p.step and t.lo = p.index
  and t.worker_id is null and t.wake_at is not null
  and exists (
      select from signal s
      where s.tenant_id = p.tenant_id and s.run_id = p.run_id and s.consumed_at is null and s.name = any(k.awaits)
  )
