-- Counts a call of a closed breaker that failed ($1: tenant_id): the $3rd in a row opens it for $4 ms. One that began before the
-- breaker opened changes nothing any more.
insert into breaker as b (tenant_id, origin, failure_count, opened_at, retry_at, opened_count)
select $1, $2, 1, opened_at, opened_at + $4::bigint * interval '1 ms', case when opened_at is null then 0 else 1 end
from (select case when $3::int <= 1 then now() end as opened_at) as at_once
on conflict (tenant_id, origin) do update
set failure_count = b.failure_count + 1,
    failed_at = now(),
    opened_at = case when b.failure_count + 1 >= $3 then now() end,
    retry_at = case when b.failure_count + 1 >= $3 then now() + $4::bigint * interval '1 ms' end,
    opened_count = b.opened_count + case when b.failure_count + 1 >= $3 then 1 else 0 end
where b.opened_at is null
