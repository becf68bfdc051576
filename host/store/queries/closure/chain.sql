-- A closure and those it stands on, the nearest first, $3 at most; the last one names a flow.
with recursive chain as (
    select 1 as depth, c.* from closure c where c.tenant_id = $1 and c.name = $2
    union all
    select chain.depth + 1, c.*
    from chain
    join closure c on c.tenant_id = chain.tenant_id and c.name = chain.base
    where chain.depth < $3::int
)
select
    c.name as "name!", (select f.name from flow f where f.tenant_id = c.tenant_id and f.id = c.flow_id) as flow_name,
    c.base, c.preset as "preset!", iso8601(c.created_at) as "created_at!", iso8601(c.updated_at) as "updated_at!"
from chain c
order by c.depth
