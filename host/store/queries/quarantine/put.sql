-- Puts a tenant's (tenant_id) component in quarantine; one that is there already stays for the reason it came for.
insert into quarantine (tenant_id, digest, reason)
select tenant_id, digest, $3 from component where tenant_id = $1 and digest = $2
on conflict (tenant_id, digest) do nothing
