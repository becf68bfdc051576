-- Gives back every token a worker holds, of any tenant_id, without blame: nothing was lost but the claim.
update token
set worker_id = null, epoch = epoch + 1
where worker_id = $1
