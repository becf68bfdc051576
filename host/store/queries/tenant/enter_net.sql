-- Has this connection act as the role that sees one tenant_id, where that role may touch this database's tables.
select set_config('role', r.rolname, false)
from pg_roles r
where r.rolname = 'stepcell_api'
  and pg_has_role(r.oid, 'member')
  and has_table_privilege(r.oid, to_regclass('run'), 'select')
