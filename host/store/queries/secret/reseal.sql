-- Encrypts a version of a secret (tenant_id, name) with another key; nothing where it was set meanwhile.
update secret
set key_id = $4, nonce = $5, ciphertext = $6
where tenant_id = $1 and name = $2 and version = $3
