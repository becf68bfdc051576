-- A crowd of moments of one tenant is not in front of everybody else's: tokens that wait are found by tenant, too.
create index token_waiting_of_tenant on token (tenant_id, wake_at) where wake_at is not null;
