-- The run an idempotency key started, and what was asked for.
select request_sha256, run_id from idempotency where tenant_id = $1 and key = $2
