-- Why components of a tenant (tenant_id) are in quarantine, and since when.
select digest, reason, iso8601(since) as "since!" from quarantine where tenant_id = $1 and digest = any($2)
