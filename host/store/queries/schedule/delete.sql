-- Deletes a schedule (tenant_id, name); runs it started go on.
delete from schedule where tenant_id = $1 and name = $2
