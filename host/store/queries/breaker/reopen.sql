-- The probe $3 of an open breaker ($1: tenant_id) failed: it stays open for another $4 ms.
update breaker
set failure_count = failure_count + 1,
    failed_at = now(),
    retry_at = now() + $4::bigint * interval '1 ms',
    opened_count = opened_count + 1,
    probe = null
where tenant_id = $1 and origin = $2 and probe = $3
