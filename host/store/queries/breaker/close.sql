-- A call went well ($1: tenant_id): the probe $3, which closes the breaker, or one of a closed breaker, which forgets its failures.
-- Where there is nothing to forget nothing is written.
update breaker
set failure_count = 0, opened_at = null, retry_at = null, probe = null
where tenant_id = $1 and origin = $2
  and case when $3::bigint is null then opened_at is null and failure_count > 0 else probe = $3 end
