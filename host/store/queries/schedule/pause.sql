-- Lets a schedule (tenant_id, name) rest; $3: the problem it rests for.
update schedule
set next_at = null, revision = revision + 1, last_problem = coalesce($3, last_problem), updated_at = now()
where tenant_id = $1 and name = $2
