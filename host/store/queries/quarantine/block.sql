-- Has a token (tenant_id, run and birth, held by worker $1 at its epoch) wait at its place ($9 to $13) until its component $8 is
-- released. Nothing when it is released already: the row is locked, so that a release comes before this or finds what waits.
with mine as (
    select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt
    from token t
    where t.tenant_id = $2 and t.run_id = $3 and t.born_step = $4 and t.born_index = $5 and t.born_attempt = $6
      and t.worker_id = $1 and t.epoch = $7
),
held as (
    select q.tenant_id from quarantine q where q.tenant_id = $2 and q.digest = $8 for share
),
blocked as (
    update token t
    set gate = 'component', gate_until = null, wake_at = 'infinity',
        key = null, key_limit = null, rate = null, weight = null,
        worker_id = null, epoch = t.epoch + 1,
        step = $9, lo = $10, hi = $11, attempt = $12, phase = $13
    from mine
    cross join held
    where t.tenant_id = mine.tenant_id and t.run_id = mine.run_id and t.born_step = mine.born_step
      and t.born_index = mine.born_index and t.born_attempt = mine.born_attempt
      and t.worker_id = $1 and t.epoch = $7
    returning 1
)
select exists (select from mine) and not exists (select from blocked) as "is_released!"
