-- Secrets of a tenant ($1: tenant_id), those of the names $2 that are set, as they are encrypted.
select name, version, key_id, nonce, ciphertext from secret where tenant_id = $1 and name = any($2)
