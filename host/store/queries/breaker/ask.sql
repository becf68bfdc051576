-- Asks an open breaker ($1: tenant_id): once its time has come one call is let through, as probe $3, which counts as lost after
-- $4 ms; every other call is refused and counted. Nothing when it has closed meanwhile.
update breaker
set probe = case when retry_at <= now() then $3 else probe end,
    retry_at = case when retry_at <= now() then now() + $4::bigint * interval '1 ms' else retry_at end,
    refused_count = refused_count + case when retry_at <= now() then 0 else 1 end
where tenant_id = $1 and origin = $2 and opened_at is not null
returning probe is not distinct from $3 as "is_probe!",
    ceil(extract(epoch from retry_at - now()) * 1000)::bigint as "left_ms!"
