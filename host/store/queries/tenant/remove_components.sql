-- Deletes some components of a tenant_id that is gone, $2 at most, and what pins them; answers which.
with page as materialized (
    select c.tenant_id, c.digest
    from component c
    join tenant t on t.id = c.tenant_id and t.deleting_at is not null
    where c.tenant_id = $1
    order by c.digest
    limit $2
),
a as (
    delete from flow_version_component x using page p where x.tenant_id = p.tenant_id and x.digest = p.digest
)
delete from component x using page p where x.tenant_id = p.tenant_id and x.digest = p.digest
returning x.digest
