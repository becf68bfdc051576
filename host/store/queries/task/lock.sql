-- Keeps signals to some runs out until the transaction ends: whether one is there is about to be decided. $1: the runs'
-- lock numbers. The lock belongs to no tenant_id: two runs with one number only wait for each other.
select pg_advisory_xact_lock(ordered.number)::text as "locked!"
from (select distinct number from unnest($1::bigint[]) as n (number) order by number) as ordered
