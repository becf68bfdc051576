-- Takes an idempotency key for a run about to start; nothing when somebody has it.
insert into idempotency (tenant_id, key, request_sha256, run_id)
values ($1, $2, $3, $4)
on conflict (tenant_id, key) do nothing
