-- The run that was started last with this key.
select run_id from run_key where tenant_id = $1 and flow_id = $2 and key = $3
