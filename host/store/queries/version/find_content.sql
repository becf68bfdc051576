-- The version of a flow that has this content.
select version from flow_version where tenant_id = $1 and flow_id = $2 and content_hash = $3
