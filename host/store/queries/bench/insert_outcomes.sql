-- The floor: a batch of outcomes inserted, nothing else (no tenant_id: the floor has one customer).
insert into bench.outcome (run, step, output)
select run, step, output from unnest($1::uuid[], $2::smallint[], $3::text[]) as o (run, step, output)
