-- Sets a secret (tenant_id, name) to what is encrypted for version $3, where the version before is there; nothing else.
insert into secret as s (tenant_id, name, version, key_id, nonce, ciphertext)
values ($1, $2, $3, $4, $5, $6)
on conflict (tenant_id, name) do update
set version = excluded.version, key_id = excluded.key_id, nonce = excluded.nonce, ciphertext = excluded.ciphertext,
    updated_at = now()
where s.version = excluded.version - 1
