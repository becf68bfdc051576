-- The live branches of a run.
select t.step, t.lo, t.hi, t.attempt, t.phase, t.lost, t.worker_id, t.wake_at is not null as "waits!",
    case when t.wake_at < 'infinity' then iso8601(t.wake_at) end as "wake_at",
    t.gate::text as gate,
    k.phase_name as "phase_name?", k.awaits is not null as "awaits!", k.children_left > 0 as has_children
from token t
left join task k
  on k.tenant_id = t.tenant_id and k.run_id = t.run_id and k.step = t.step and k.index = t.lo and k.phase = t.phase
 and t.hi = t.lo + 1
where t.tenant_id = $1 and t.run_id = $2
order by t.step, t.lo
