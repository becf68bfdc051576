-- Nothing of the run (tenant_id, run, epoch) is left to compensate.
delete from compensation where tenant_id = $1 and run_id = $2 and epoch = $3
