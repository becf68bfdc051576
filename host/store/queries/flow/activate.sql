-- Moves the pointer that new runs follow. Live runs do not notice. Answers where it pointed before.
update flow f
set current_version = v.version
from flow_version v, flow before
where f.tenant_id = $1
  and f.id = $2
  and v.tenant_id = f.tenant_id
  and v.flow_id = f.id
  and v.version = $3
  and before.tenant_id = f.tenant_id
  and before.id = f.id
returning before.current_version
