-- How late the handlers of what was due began, at the latest, in milliseconds (its median, its 99th percentile and the
-- largest), and how long it took from the first moment until all were recorded (tenant_id is part of what is joined).
select
    percentile_cont(0.5) within group (order by late_ms), percentile_cont(0.99) within group (order by late_ms),
    max(late_ms), (extract(epoch from max(recorded_at) - min(due_at)) * 1e6)::bigint
from (
    select d.due_at, o.recorded_at,
        (extract(epoch from o.recorded_at - d.due_at) * 1e3)::double precision - o.wall_us / 1e3::double precision as late_ms
    from bench.due d
    join outcome o on o.tenant_id = d.tenant_id and o.run_id = d.run_id
) as done
