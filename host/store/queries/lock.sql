-- Takes locks until the transaction ends, so that what it decides is decided by one at a time. $1: their numbers, in any order.
-- A lock belongs to no tenant_id: two things with one number only wait for each other.
select pg_advisory_xact_lock(ordered.number)::text as "locked!"
from (select distinct number from unnest($1::bigint[]) as n (number) order by number) as ordered
