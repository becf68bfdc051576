-- Has this connection see and change the rows of one tenant_id, where the second net is there.
select set_config('stepcell.tenant_id', $1, false)
