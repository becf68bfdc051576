-- A worker leaves and gives back every run it compensates, of any tenant_id, without blame.
update compensation set worker_id = null, epoch = epoch + 1, due_at = now() where worker_id = $1
