-- One flow, by name.
select
    f.id, f.name, f.current_version, iso8601(f.created_at) as "created_at!",
    (select count(*) from flow_version v where v.tenant_id = f.tenant_id and v.flow_id = f.id) as "version_count!"
from flow f
where f.tenant_id = $1 and f.name = $2
