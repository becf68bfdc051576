-- Says what a tenant (tenant_id) may take; nothing where it may take just that. What it has taken of a second of runs or a
-- minute of fuel stays taken.
insert into quota as q (tenant_id, weight, running_attempts, live_runs, runs_per_second, fuel_per_minute, stored_bytes,
    components, compile_seconds_per_day, requests_per_second)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id) do update set
    weight = excluded.weight, running_attempts = excluded.running_attempts, live_runs = excluded.live_runs,
    runs_per_second = excluded.runs_per_second, fuel_per_minute = excluded.fuel_per_minute,
    stored_bytes = excluded.stored_bytes, components = excluded.components,
    compile_seconds_per_day = excluded.compile_seconds_per_day,
    requests_per_second = excluded.requests_per_second, updated_at = now()
where (q.weight, q.running_attempts, q.live_runs, q.runs_per_second, q.fuel_per_minute, q.stored_bytes, q.components,
        q.compile_seconds_per_day, q.requests_per_second)
    is distinct from (excluded.weight, excluded.running_attempts, excluded.live_runs, excluded.runs_per_second,
        excluded.fuel_per_minute, excluded.stored_bytes, excluded.components, excluded.compile_seconds_per_day,
        excluded.requests_per_second)
