-- Runs for the baseline, each with its first job ready (no tenant_id: the baseline has one customer).
with runs as (insert into bench.run (id) select generate_series(1, $1::bigint) returning id)
insert into bench.job (run, step, input) select id, 1, '{"n":1}' from runs
