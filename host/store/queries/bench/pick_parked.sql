-- Some of a tenant_id's runs that wait for a signal.
select run_id from token where tenant_id = $1 and wake_at = 'infinity' limit $2
