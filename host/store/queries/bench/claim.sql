-- The baseline's claim: one ready job (no tenant_id: the baseline has one customer).
update bench.job
set status = 'running'
where id = (select id from bench.job where status = 'ready' order by id limit 1 for update skip locked)
returning id, run, step
