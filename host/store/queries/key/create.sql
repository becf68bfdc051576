-- Adds a key to a tenant.
insert into api_key (id, tenant_id, secret_sha256, scopes) values ($1, $2, $3, $4)
