-- The share of every tenant (tenant_id) of which something was said, and how long it must rest: because it is frozen, because its
-- minute of fuel is used up, or because it stores more than it may ($1 where nothing was said).
select
    t.id as tenant_id, coalesce(q.weight, 100) as "weight!", q.running_attempts, q.fuel_per_minute,
    case
        when t.frozen_at is not null or s.tenant_id is not null then 9223372036854775807
        when q.fuel_per_minute is not null then (greatest(extract(epoch from q.fuel_full_at - now()) - 60, 0) * 1000)::bigint
        else 0
    end as "rests_ms!"
from tenant t
left join quota q on q.tenant_id = t.id
left join stored s
    on s.tenant_id = t.id and s.bytes > case when q.tenant_id is null then $1 else q.stored_bytes end
where t.frozen_at is not null or q.tenant_id is not null or s.tenant_id is not null
