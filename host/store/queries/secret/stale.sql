-- At most $4 secrets of any tenant_id that are not encrypted with the key $3: those after the place ($1, $2).
select tenant_id, name, version, key_id, nonce, ciphertext
from secret
where (tenant_id, name) > ($1, $2) and key_id <> $3
order by tenant_id, name
limit $4
