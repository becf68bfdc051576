-- Takes signals (tenant_id, run, id) out of the inbox: a task made progress with them.
update signal s
set consumed_at = now()
from unnest($1::int[], $2::uuid[], $3::bigint[]) as c (tenant_id, run_id, id)
where s.tenant_id = c.tenant_id and s.run_id = c.run_id and s.id = c.id and s.consumed_at is null
