-- The baseline's next step becomes ready (no tenant_id: the baseline has one customer).
update bench.step set status = 'ready', input = $3 where run = $1 and step = $2 + 1 and status = 'created'
