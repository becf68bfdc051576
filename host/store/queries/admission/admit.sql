-- Decides whether a token (tenant_id, run and birth, held by worker $1 at its epoch) may run its task. It takes a place under
-- its key ($8, of $9), then its share of a rate ($10: the bucket, $11: how much, $12: microseconds for one unit, $13: the
-- burst). Where one is wanting it is given back and waits for it, at its place ($14 to $18). What has the same priority or
-- more and waits already comes first. Follows lock.sql in its transaction.
with mine as (
    select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt, t.priority,
        coalesce(t.gate = 'open', false) as is_open, coalesce(t.gate = 'rate', false) as has_place
    from token t
    where t.tenant_id = $2 and t.run_id = $3 and t.born_step = $4 and t.born_index = $5 and t.born_attempt = $6
      and t.worker_id = $1 and t.epoch = $7
),
place as (
    select is_open or has_place or $8::text is null or (
        not exists (
            select from token w
            where w.tenant_id = $2 and w.key = $8 and w.gate = 'key' and w.priority >= mine.priority
        )
        and (
            select count(*)
            from (
                select from token h
                where h.tenant_id = $2 and h.key = $8 and h.gate in ('rate', 'open') and h.key is not null
                limit $9::smallint
            ) as h
        ) < $9::smallint
    ) as taken
    from mine
),
bucket as (
    -- It never takes longer than its burst to fill, whoever said before what that is.
    select greatest(
        (
            select least(b.full_at, statement_timestamp() + $13::int * $12::float8 * interval '1 us')
            from rate_bucket b
            where b.tenant_id = $2 and b.rate = $10
        ),
        statement_timestamp()
    ) as full_at
),
share as (
    select place.taken and (is_open or $10::text is null or (
        bucket.full_at + $11::int * $12::float8 * interval '1 us'
            <= statement_timestamp() + $13::int * $12::float8 * interval '1 us'
        and not exists (
            select from token w
            where w.tenant_id = $2 and w.rate = $10 and w.gate = 'rate' and w.wake_at is not null
              and w.priority >= mine.priority
        )
    )) as taken
    from mine, place, bucket
),
paid as (
    insert into rate_bucket (tenant_id, rate, interval_us, burst, full_at)
    select $2, $10, $12, $13,
        bucket.full_at + (case when share.taken then $11::int * $12::float8 else 0 end) * interval '1 us'
    from mine, place, share, bucket
    where place.taken and not is_open and $10 is not null
    on conflict (tenant_id, rate) do update
    set full_at = excluded.full_at, interval_us = excluded.interval_us, burst = excluded.burst
)
update token t
set gate = (case when share.taken then 'open' when place.taken then 'rate' else 'key' end)::token_gate,
    key = $8, key_limit = $9::smallint, rate = $10, weight = $11,
    worker_id = case when share.taken then t.worker_id end,
    epoch = t.epoch + (not share.taken)::int,
    wake_at = case when not share.taken then timestamptz 'infinity' end,
    step = case when share.taken then t.step else $14 end,
    lo = case when share.taken then t.lo else $15 end,
    hi = case when share.taken then t.hi else $16 end,
    attempt = case when share.taken then t.attempt else $17 end,
    phase = case when share.taken then t.phase else $18 end
from mine, place, share
where t.tenant_id = mine.tenant_id and t.run_id = mine.run_id and t.born_step = mine.born_step
  and t.born_index = mine.born_index and t.born_attempt = mine.born_attempt
  and t.worker_id = $1 and t.epoch = $7
returning t.gate = 'open' as "is_open!"
