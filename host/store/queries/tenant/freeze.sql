-- Freezes a tenant (its tenant_id) or lets it go on; answers whether that changes it, and nothing where it is gone.
with before as (
    select id, frozen_at from tenant where id = $1 and deleting_at is null for no key update
),
changed as (
    update tenant t
    set frozen_at = case when $2 then now() end
    from before b
    where t.id = b.id and (b.frozen_at is not null) <> $2
)
select (frozen_at is not null) <> $2 as "is_new!" from before
