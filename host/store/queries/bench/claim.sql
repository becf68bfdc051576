-- The baseline's claim: one ready step (no tenant_id: the baseline has one customer).
update bench.step
set status = 'running', claimed_at = now()
where id = (select id from bench.step where status = 'ready' order by id limit 1 for update skip locked)
returning id, run, step
