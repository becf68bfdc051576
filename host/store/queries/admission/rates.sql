-- Rates for which somebody waits, after the rate $2 of tenant_id $1; $3 at most.
with recursive waiting as (
    (select tenant_id, rate from token
     where gate = 'rate' and wake_at is not null and (tenant_id, rate) > ($1, $2)
     order by tenant_id, rate limit 1)
    union all
    select n.tenant_id, n.rate
    from waiting w
    cross join lateral (
        select t.tenant_id, t.rate from token t
        where t.gate = 'rate' and t.wake_at is not null and (t.tenant_id, t.rate) > (w.tenant_id, w.rate)
        order by t.tenant_id, t.rate limit 1
    ) as n
)
select tenant_id as "tenant_id!", rate as "rate!" from waiting limit $3
