-- Keys under which somebody waits for a place, after the key $2 of tenant_id $1; $3 at most.
with recursive waiting as (
    (select tenant_id, key from token
     where gate = 'key' and (tenant_id, key) > ($1, $2)
     order by tenant_id, key limit 1)
    union all
    select n.tenant_id, n.key
    from waiting w
    cross join lateral (
        select t.tenant_id, t.key from token t
        where t.gate = 'key' and (t.tenant_id, t.key) > (w.tenant_id, w.key)
        order by t.tenant_id, t.key limit 1
    ) as n
)
select tenant_id as "tenant_id!", key as "key!" from waiting limit $3
