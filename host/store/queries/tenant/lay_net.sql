-- Lays the second net over every table with a tenant_id that is not under it yet; false where it cannot.
select keep_tenants_apart() as "is_there!"
