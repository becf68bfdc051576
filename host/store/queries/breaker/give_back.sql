-- The probe $3 of an open breaker ($1: tenant_id) came to nothing: the next call is one.
update breaker set probe = null, retry_at = now() where tenant_id = $1 and origin = $2 and probe = $3
