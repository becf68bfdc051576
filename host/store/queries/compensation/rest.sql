-- Gives a run that is being compensated (tenant_id, run, epoch) back, to be taken again after $4 milliseconds: nothing was lost.
update compensation
set worker_id = null, due_at = now() + $4::bigint * interval '1 ms'
where tenant_id = $1 and run_id = $2 and epoch = $3
