-- A component has come: what waits for one of this tenant_id looks again.
update token
set wake_at = null
where tenant_id = $1 and gate = 'component' and wake_at is not null
