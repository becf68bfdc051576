-- Makes a key of a tenant_id worthless; answers whether it was not so before, and nothing where there is no such key.
with before as (
    select id, revoked_at from api_key where tenant_id = $1 and id = $2 for update
),
revoked as (
    update api_key k
    set revoked_at = now()
    from before b
    where k.tenant_id = $1 and k.id = b.id and b.revoked_at is null
)
select revoked_at is null as "is_new!" from before
