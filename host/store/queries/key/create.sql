-- Adds a key to a tenant; $6: for how many milliseconds it is valid, null for ever.
insert into api_key (id, tenant_id, secret_sha256, scopes, label, expires_at)
values ($1, $2, $3, $4, $5, now() + $6::bigint * interval '1 ms')
