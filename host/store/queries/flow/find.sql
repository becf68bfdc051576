-- The flow of this name and the version new runs start on.
select id, current_version from flow where tenant_id = $1 and name = $2
