-- Where a run is.
select status::text as "status!" from run where tenant_id = $1 and id = $2
