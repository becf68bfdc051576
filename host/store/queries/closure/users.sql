-- What names a closure of a tenant_id: closures and schedules, $3 of each at most.
(
    select 'closure' as "kind!", c.name as "name!"
    from closure c
    where c.tenant_id = $1 and c.base = $2
    order by c.name
    limit $3
)
union all
(
    select 'schedule', s.name
    from schedule s
    where s.tenant_id = $1 and s.closure = $2
    order by s.name
    limit $3
)
