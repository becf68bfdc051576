-- One row, one commit (no tenant_id: the floor has one customer).
insert into bench.row default values
