-- A page of a tenant's schedules, by name.
select
    s.tenant_id, s.name, f.name as "flow_name?", s.closure, s.definition, s.revision, t.name as tenant_name,
    iso8601(s.next_at) as "next_at", iso8601(s.last_at) as "last_at", s.last_outcome, s.last_run_id, s.last_problem,
    iso8601(s.created_at) as "created_at!", iso8601(s.updated_at) as "updated_at!"
from schedule s
join tenant t on t.id = s.tenant_id
left join flow f on f.tenant_id = s.tenant_id and f.id = s.flow_id
where s.tenant_id = $1 and s.name > $2
order by s.name
limit $3
