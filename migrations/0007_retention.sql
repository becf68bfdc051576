-- What operators look through and throw away.

-- Tasks that ended with a failure: few, and looked for.
create index outcome_failed on outcome (tenant_id, run_id, step, index) where failure is not null;

-- A run takes the keys it was started with along.
create index idempotency_by_run on idempotency (tenant_id, run_id);
