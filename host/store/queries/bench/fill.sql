-- Runs for the baseline: three steps each, the first one ready (no tenant_id: the baseline has one customer).
with runs as (insert into bench.run (id) select generate_series(1, $1::bigint) returning id)
insert into bench.step (run, step, status, input)
select id, step, case step when 1 then 'ready' else 'created' end, case step when 1 then '{"n":1}' end
from runs, generate_series(1, 3) as step
