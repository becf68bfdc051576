-- Takes fuel that was used from the minute of each tenant_id that has one.
update quota q
set fuel_full_at = greatest(q.fuel_full_at, now()) + least(u.fuel / q.fuel_per_minute::float8, 1440) * interval '1 min'
from unnest($1::int[], $2::bigint[]) as u (tenant_id, fuel)
where q.tenant_id = u.tenant_id and q.fuel_per_minute is not null
