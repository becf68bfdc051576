-- The baseline's completion of a step (no tenant_id: the baseline has one customer).
update bench.step set status = 'completed', output = $2, ended_at = now() where id = $1 and status = 'running'
