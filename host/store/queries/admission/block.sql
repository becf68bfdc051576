-- Has a token (tenant_id, run and birth, held by worker $1 at its epoch) wait for its component, $8 milliseconds in all, at
-- its place ($9 to $13); it looks every ten seconds, should the upload come in the moment it parks. A token that has waited so
-- long already stays in its holder's hands.
with mine as (
    select t.tenant_id, t.run_id, t.born_step, t.born_index, t.born_attempt,
        coalesce(t.gate_until, now() + $8::bigint * interval '1 ms') as until
    from token t
    where t.tenant_id = $2 and t.run_id = $3 and t.born_step = $4 and t.born_index = $5 and t.born_attempt = $6
      and t.worker_id = $1 and t.epoch = $7
),
blocked as (
    update token t
    set gate = 'component', gate_until = mine.until, wake_at = least(mine.until, now() + interval '10 s'),
        key = null, key_limit = null, rate = null, weight = null,
        worker_id = null, epoch = t.epoch + 1,
        step = $9, lo = $10, hi = $11, attempt = $12, phase = $13
    from mine
    where mine.until > now()
      and t.tenant_id = mine.tenant_id and t.run_id = mine.run_id and t.born_step = mine.born_step
      and t.born_index = mine.born_index and t.born_attempt = mine.born_attempt
      and t.worker_id = $1 and t.epoch = $7
    returning 1
)
select exists (select from mine) and not exists (select from blocked) as "is_over!"
