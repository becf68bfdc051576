-- A secret, as it is encrypted (tenant_id, name).
select version, key_id, nonce, ciphertext from secret where tenant_id = $1 and name = $2
