-- A page of the audit log before an entry, the newest first: what concerns one tenant.
select number, tenant_id, iso8601(at) as "at!", tenant_name, actor, action, subject, detail, previous_sha256, sha256
from audit
where tenant_id = $1 and number < $2
order by number desc
limit $3
