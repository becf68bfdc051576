-- Lets the first that wait for a rate run, as far as its bucket goes: for each (tenant_id, rate), $3 at most. Answers how
-- many, and how long it takes until there is enough for the next; 0: there may be at once. Nobody takes more than the burst,
-- whatever it was when they asked. Follows lock.sql in its transaction.
with bucket as (
    select k.tenant_id, k.rate, k.interval_us, k.burst, k.full_at,
        k.burst - extract(epoch from k.full_at - statement_timestamp())::float8 * 1e6 / k.interval_us as units
    from (
        select b.tenant_id, b.rate, b.interval_us, b.burst, greatest(
                least(b.full_at, statement_timestamp() + b.burst * b.interval_us * interval '1 us'), statement_timestamp()
            ) as full_at
        from unnest($1::int[], $2::text[]) as a (tenant_id, rate)
        join rate_bucket b on b.tenant_id = a.tenant_id and b.rate = a.rate
    ) as k
),
first as (
    select f.*, bucket.units, bucket.interval_us,
        sum(f.weight) over (
            partition by f.tenant_id, f.rate order by f.priority desc, f.run_id, f.born_step, f.born_index
            rows unbounded preceding
        ) as up_to,
        count(*) over (partition by f.tenant_id, f.rate) as seen
    from bucket
    cross join lateral (
        select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt, t.priority, t.rate,
            least(t.weight, bucket.burst) as weight
        from token t
        where t.tenant_id = bucket.tenant_id and t.rate = bucket.rate and t.gate = 'rate' and t.wake_at is not null
        order by t.priority desc, t.run_id, t.born_step, t.born_index
        limit $3
        for update skip locked
    ) as f
),
granted as (
    update token t
    set gate = 'open', wake_at = null
    from first f
    where f.up_to <= f.units + 1e-6
      and t.tenant_id = f.tenant_id and t.run_id = f.run_id and t.born_step = f.born_step
      and t.born_index = f.born_index and t.born_attempt = f.born_attempt
    returning f.tenant_id, f.rate, f.weight
),
taken as (
    update rate_bucket b
    set full_at = bucket.full_at + g.units * b.interval_us * interval '1 us'
    from (select tenant_id, rate, sum(weight)::float8 as units from granted group by tenant_id, rate) as g
    join bucket on bucket.tenant_id = g.tenant_id and bucket.rate = g.rate
    where b.tenant_id = g.tenant_id and b.rate = g.rate
)
select
    (select count(*) from granted) as "granted!",
    (
        select ceil(min(case
            when up_to > units + 1e-6 then (up_to - units) * interval_us / 1000
            when seen = $3 then 0
        end))::bigint
        from first
    ) as next_in_ms
