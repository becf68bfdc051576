-- Keeps others from moving a flow's pointer until the transaction ends.
select name, current_version from flow where tenant_id = $1 and id = $2 for update
