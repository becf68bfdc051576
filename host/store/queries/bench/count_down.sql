-- The baseline's run has one step less to go, and completes with the last (no tenant_id: it has one customer).
update bench.run
set left_count = left_count - 1, status = case when left_count = 1 then 'completed' else status end
where id = $1
