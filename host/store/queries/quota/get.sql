-- What a tenant may take, and what it stores as counted last. No row: there is no such tenant_id.
select
    q.tenant_id is not null as "is_said!",
    q.weight as "weight?", q.running_attempts, q.live_runs, q.runs_per_second, q.fuel_per_minute, q.stored_bytes,
    q.components, q.compile_seconds_per_day, q.requests_per_second,
    coalesce(s.bytes, 0) as "stored!"
from tenant t
left join quota q on q.tenant_id = t.id
left join stored s on s.tenant_id = t.id
where t.id = $1
