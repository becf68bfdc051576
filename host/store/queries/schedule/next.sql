-- How many milliseconds it is until the first moment of any tenant_id's schedule; what is frozen has none.
select ceil(extract(epoch from min(next_at) - now()) * 1000)::bigint as next_in_ms
from schedule
where next_at is not null
  and tenant_id not in (select id from tenant where frozen_at is not null)
