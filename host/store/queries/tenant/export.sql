-- Everything a tenant_id has, a row at a time: its kind and itself as JSON. Keys without their hashes, secrets without their values; components with their
-- bytes where $2. What follows from other rows is left out: deadlines, counters of rates, what a run's own row says too.
select 'tenant' as "kind!", row_to_json(x)::text as "row!" from tenant x where x.id = $1
union all
select 'key', json_build_object(
    'id', x.id, 'label', x.label, 'scopes', x.scopes, 'created_at', x.created_at, 'expires_at', x.expires_at,
    'revoked_at', x.revoked_at
)::text
from api_key x where x.tenant_id = $1
union all
select 'component', json_build_object(
    'digest', encode(x.digest, 'hex'), 'report', x.report, 'created_at', x.created_at,
    'bytes', case when $2 then translate(encode(x.bytes, 'base64'), E'\n', '') end
)::text
from component x where x.tenant_id = $1
union all
select 'flow', row_to_json(x)::text from flow x where x.tenant_id = $1
union all
select 'flow_version', row_to_json(x)::text from flow_version x where x.tenant_id = $1
union all
select 'flow_version_component', row_to_json(x)::text from flow_version_component x where x.tenant_id = $1
union all
select 'activation', row_to_json(x)::text from activation x where x.tenant_id = $1
union all
select 'closure', row_to_json(x)::text from closure x where x.tenant_id = $1
union all
select 'schedule', row_to_json(x)::text from schedule x where x.tenant_id = $1
union all
select 'breaker', row_to_json(x)::text from breaker x where x.tenant_id = $1
union all
select 'run', row_to_json(x)::text from run x where x.tenant_id = $1
union all
select 'token', row_to_json(x)::text from token x where x.tenant_id = $1
union all
select 'arrival', row_to_json(x)::text from arrival x where x.tenant_id = $1
union all
select 'task', row_to_json(x)::text from task x where x.tenant_id = $1
union all
select 'signal', row_to_json(x)::text from signal x where x.tenant_id = $1
union all
select 'outcome', row_to_json(x)::text from outcome x where x.tenant_id = $1
union all
select 'attempt', row_to_json(x)::text from attempt x where x.tenant_id = $1
union all
select 'attempt_log', row_to_json(x)::text from attempt_log x where x.tenant_id = $1
union all
select 'compensation', row_to_json(x)::text from compensation x where x.tenant_id = $1
union all
select 'compensated', row_to_json(x)::text from compensated x where x.tenant_id = $1
union all
select 'idempotency', row_to_json(x)::text from idempotency x where x.tenant_id = $1
union all
select 'run_key', row_to_json(x)::text from run_key x where x.tenant_id = $1
union all
select 'quota', row_to_json(x)::text from quota x where x.tenant_id = $1
union all
select 'usage', row_to_json(x)::text from usage x where x.tenant_id = $1
union all
select 'quarantine', json_build_object('digest', encode(x.digest, 'hex'), 'reason', x.reason, 'since', x.since)::text
from quarantine x where x.tenant_id = $1
union all
select 'secret', json_build_object(
    'name', x.name, 'version', x.version, 'key_id', x.key_id, 'created_at', x.created_at, 'updated_at', x.updated_at
)::text
from secret x where x.tenant_id = $1
union all
select 'key_value', json_build_object(
    'flow_id', x.flow_id, 'key', x.key, 'value', translate(encode(x.value, 'base64'), E'\n', '')
)::text
from key_value x where x.tenant_id = $1
union all
select 'audit', row_to_json(x)::text from audit x where x.tenant_id = $1
