-- The baseline's receipt of an attempt (no tenant_id: the baseline has one customer).
insert into bench.attempt (step_id, fuel, wall_us, output) values ($1, 1, 1, $2)
