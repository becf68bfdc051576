-- The value of a key of a flow (tenant_id, flow, key).
select value from key_value where tenant_id = $1 and flow_id = $2 and key = $3
