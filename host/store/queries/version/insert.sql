-- Adds the next version of a flow; its components are pinned in the same statement.
with added as (
    insert into flow_version (tenant_id, flow_id, version, definition, content_hash, root_steps, compensates)
    select $1, $2, coalesce(max(version), 0) + 1, $3, $4, $5, $7
    from flow_version
    where tenant_id = $1 and flow_id = $2
    returning tenant_id, flow_id, version
),
pinned as (
    insert into flow_version_component (tenant_id, digest, flow_id, version)
    select added.tenant_id, digest, added.flow_id, added.version
    from added, unnest($6::bytea[]) as digest
)
select version from added
