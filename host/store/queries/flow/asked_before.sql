-- The activation that request $3 made, and what was active before it.
select a.version, b.version as "previous_version?"
from activation a
left join activation b on b.tenant_id = a.tenant_id and b.flow_id = a.flow_id and b.number = a.number - 1
where a.tenant_id = $1 and a.flow_id = $2 and a.asked_by = $3
