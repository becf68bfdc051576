-- The breakers of a tenant whose origin comes after $2.
select origin, failure_count, iso8601(opened_at) as opened_at, iso8601(retry_at) as retry_at,
    coalesce(probe is not null and retry_at > now(), false) as "is_probed!", opened_count, refused_count
from breaker
where tenant_id = $1 and origin > $2
order by origin
limit $3
