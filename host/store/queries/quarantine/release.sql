-- Releases a tenant's (tenant_id) component. What it undoes may rest for it: that is looked at again at once.
with released as (
    delete from quarantine where tenant_id = $1 and digest = $2
    returning tenant_id
),
looked_at as (
    update compensation c
    set due_at = now()
    from released r
    where c.tenant_id = r.tenant_id and c.worker_id is null and c.due_at > now()
)
select count(*) as "released!" from released
