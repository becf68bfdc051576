-- What a tenant (tenant_id) used, by hour or by day (UTC), newest first, of the last so many of them.
select
    iso8601(date_trunc($2, hour, 'UTC')) as "since!",
    sum(attempts)::bigint as "attempts!", sum(failed_attempts)::bigint as "failed_attempts!", sum(fuel)::bigint as "fuel!",
    sum(wall_us)::bigint as "wall_us!", sum(host_calls)::bigint as "host_calls!", sum(input_bytes)::bigint as "input_bytes!",
    sum(output_bytes)::bigint as "output_bytes!", sum(log_bytes)::bigint as "log_bytes!",
    sum(compile_ms)::bigint as "compile_ms!"
from usage
where tenant_id = $1 and hour >= date_trunc($2, now(), 'UTC') - make_interval(hours => case $2 when 'day' then 24 else 1 end * ($3::int - 1))
group by date_trunc($2, hour, 'UTC')
order by date_trunc($2, hour, 'UTC') desc
