-- Holds a run that is being compensated (tenant_id, run, epoch) for $4 more milliseconds; nothing for anybody else.
update compensation
set due_at = now() + $4::bigint * interval '1 ms'
where tenant_id = $1 and run_id = $2 and epoch = $3
