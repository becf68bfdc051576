-- A tenant_id that has been gone for $1 milliseconds, so that no host believes its keys any more: the next one after $2, round
-- and round.
select id
from tenant
where deleting_at < now() - $1::bigint * interval '1 ms'
order by id <= $2, id
limit 1
