-- Holds a schedule (tenant_id, name) until the transaction ends, as soon as nobody else does.
select last_run_id from schedule where tenant_id = $1 and name = $2 for update
