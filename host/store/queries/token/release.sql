-- A worker leaves and gives back every token it holds, of any tenant_id, without blame: nothing was lost but the claim.
with left_behind as (
    update worker set lost_at = coalesce(lost_at, now()) where id = $1
    returning deprecated_at is not null as is_deprecated
),
freed as (
    update token
    set worker_id = null, epoch = epoch + 1
    where worker_id = $1
)
select coalesce((select is_deprecated from left_behind), false) as "is_deprecated!"
