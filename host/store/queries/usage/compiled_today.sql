-- How long compilations of a tenant (tenant_id) took since midnight UTC, and the seconds until the next one.
select
    coalesce(sum(compile_ms), 0)::bigint as "compile_ms!",
    extract(epoch from date_trunc('day', now() + interval '1 day', 'UTC') - now())::bigint as "seconds_left!"
from usage
where tenant_id = $1 and hour >= date_trunc('day', now(), 'UTC')
