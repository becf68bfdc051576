-- The baseline's completion: the job, then the next one or the end of its run (no tenant_id: it has one customer).
with done as (
    update bench.job set status = 'completed', output = $3 where id = $1 returning run, step
),
next as (
    insert into bench.job (run, step, input) select run, step + 1, $3 from done where step < $2
)
update bench.run set status = 'completed' where id = (select run from done where step = $2)
