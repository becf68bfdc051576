-- A page of a tenant's closures, by name.
select
    c.name, f.name as "flow_name?", c.base, c.preset, iso8601(c.created_at) as "created_at!",
    iso8601(c.updated_at) as "updated_at!"
from closure c
left join flow f on f.tenant_id = c.tenant_id and f.id = c.flow_id
where c.tenant_id = $1 and c.name > $2
order by c.name
limit $3
