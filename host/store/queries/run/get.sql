-- One run.
select
    r.flow_id, f.name as flow_name, r.version, r.status::text as "status!", r.priority, r.failed_step, r.input,
    r.options, r.key, r.parent_run_id, r.rerun_of, r.schedule, iso8601(r.deadline_at) as "deadline_at",
    r.failure, iso8601(r.created_at) as "created_at!", iso8601(r.started_at) as "started_at", iso8601(r.ended_at) as "ended_at"
from run r
join flow f on f.tenant_id = r.tenant_id and f.id = r.flow_id
where r.tenant_id = $1 and r.id = $2
