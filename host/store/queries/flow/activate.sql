-- Moves the pointer that new runs follow. Live runs do not notice. Answers where it pointed before; nothing when there
-- is no such version. What is active already is not activated again.
with before as (
    select f.name, f.current_version, f.current_activation
    from flow f
    join flow_version v on v.tenant_id = f.tenant_id and v.flow_id = f.id and v.version = $3
    where f.tenant_id = $1 and f.id = $2
    for update of f
),
activated as (
    insert into activation (tenant_id, flow_id, number, version, back_to)
    select $1, $2, coalesce(current_activation, 0) + 1, $3, current_activation
    from before
    where current_version is distinct from $3
    returning number
),
pointed as (
    update flow f
    set current_version = $3, current_activation = a.number
    from activated a
    where f.tenant_id = $1 and f.id = $2
)
select name, current_version from before
