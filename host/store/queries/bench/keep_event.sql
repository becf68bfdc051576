-- The baseline's event (no tenant_id: the baseline has one customer).
insert into bench.event (run, what) values ($1, $2)
