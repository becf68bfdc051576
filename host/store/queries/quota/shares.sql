-- The share of every tenant (tenant_id) of which something was said, and how long it must rest because its minute of fuel is used up.
select
    q.tenant_id, q.weight, q.running_attempts,
    case when q.fuel_per_minute is not null
        then greatest(extract(epoch from q.fuel_full_at - now()) - 60, 0) * 1000
        else 0
    end::bigint as "rests_ms!"
from quota q
