-- Moves the pointer that new runs follow back to the version that was active before; a second time, to the one before
-- that. Answers that version; nothing when none was active before. $3 names the request, where it has a name.
with target as (
    select a.number, back.version, back.back_to
    from flow f
    join activation a on a.tenant_id = f.tenant_id and a.flow_id = f.id and a.number = f.current_activation
    join activation back on back.tenant_id = a.tenant_id and back.flow_id = a.flow_id and back.number = a.back_to
    where f.tenant_id = $1 and f.id = $2
),
activated as (
    insert into activation (tenant_id, flow_id, number, version, back_to, asked_by)
    select $1, $2, number + 1, version, back_to, $3 from target
    returning number, version
)
update flow f
set current_version = a.version, current_activation = a.number
from activated a
where f.tenant_id = $1 and f.id = $2
returning a.version
