-- When the attempts of a run (tenant_id, id) began, in microseconds since 1970 and in order. The statement that records an
-- attempt follows its end on an idle host at once, and its receipt says how long it took: it began then at the latest.
select array_agg(began order by began)
from (
    select (extract(epoch from recorded_at) * 1e6)::bigint - wall_us as began
    from attempt
    where tenant_id = $1 and run_id = $2
    union all
    select (extract(epoch from recorded_at) * 1e6)::bigint - wall_us
    from outcome
    where tenant_id = $1 and run_id = $2
) as attempts
