-- Adds a tenant and answers its tenant_id; nothing where the name is taken.
insert into tenant (name) values ($1) on conflict (name) do nothing returning id
