-- A page of the audit log before an entry, the newest first: of every tenant_id.
select number, tenant_id, iso8601(at) as "at!", tenant_name, actor, action, subject, detail, previous_sha256, sha256
from audit
where number < $1
order by number desc
limit $2
