-- Takes starts from a tenant's (tenant_id) second of runs: as soon as one is there, all of them, so that no batch is too large
-- for it. Answers how long it takes until one is; at most 0: they were taken.
with asked as (
    select tenant_id, runs_per_second, greatest(runs_full_at, now()) as full_at
    from quota
    where tenant_id = $1 and runs_per_second is not null
    for update
),
waited as (
    select *, extract(epoch from full_at - now())::float8 - (1 - 1.0::float8 / runs_per_second) as wait from asked
),
taken as (
    update quota q
    set runs_full_at = w.full_at + ($2::int / w.runs_per_second::float8) * interval '1 s'
    from waited w
    where q.tenant_id = w.tenant_id and w.wait <= 0
)
select wait as "wait!" from waited
