-- A worker leaves and gives back every token it holds, of any tenant_id, without blame: nothing was lost but the claim.
with left_behind as (
    update worker set lost_at = now() where id = $1 and lost_at is null
)
update token
set worker_id = null, epoch = epoch + 1
where worker_id = $1
