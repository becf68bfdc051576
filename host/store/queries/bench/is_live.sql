-- Whether a run of a tenant_id is live that is no older than $2.
select exists (select from token where tenant_id = $1 and run_id >= $2)
