-- What is known of a component, without its bytes.
select
    c.report,
    length(c.bytes)::bigint as "size_bytes!",
    iso8601(c.created_at) as "created_at!",
    array(
        select f.name || '@' || v.version
        from flow_version_component v
        join flow f on f.tenant_id = v.tenant_id and f.id = v.flow_id
        where v.tenant_id = c.tenant_id and v.digest = c.digest
        order by f.name, v.version
    ) as "used_by!"
from component c
where c.tenant_id = $1 and c.digest = $2
