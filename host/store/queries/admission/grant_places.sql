-- Gives the free places under keys to the first that wait for one: for each (tenant_id, key), $3 at most. Follows lock.sql
-- in its transaction.
with asked as (
    select distinct tenant_id, key from unnest($1::int[], $2::text[]) as a (tenant_id, key)
),
first as (
    select f.*, row_number() over (
            partition by f.tenant_id, f.key order by f.priority desc, f.run_id, f.born_step, f.born_index
        ) as rank
    from asked a
    cross join lateral (
        select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt, t.priority, t.key, t.key_limit
        from token t
        where t.tenant_id = a.tenant_id and t.key = a.key and t.gate = 'key'
        order by t.priority desc, t.run_id, t.born_step, t.born_index
        limit $3
        for update skip locked
    ) as f
),
taken as (
    select a.tenant_id, a.key, (
            select count(*) from token h
            where h.tenant_id = a.tenant_id and h.key = a.key and h.gate in ('rate', 'open') and h.key is not null
        ) as count
    from asked a
)
update token t
set gate = 'rate', wake_at = null
from first f
join taken on taken.tenant_id = f.tenant_id and taken.key = f.key
where taken.count + f.rank <= f.key_limit
  and t.tenant_id = f.tenant_id and t.run_id = f.run_id and t.born_step = f.born_step
  and t.born_index = f.born_index and t.born_attempt = f.born_attempt
