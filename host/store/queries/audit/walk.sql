-- The next entries of the audit log after one, of every tenant_id, in order.
select number, tenant_id, iso8601(at) as "at!", tenant_name, actor, action, subject, detail, previous_sha256, sha256
from audit
where number > $1
order by number
limit $2
