-- How far the compensation of a run is, for each step that was touched; `is_pending`: some is left.
select
    c.step as "step?", count(*) as "attempts!",
    count(*) filter (where c.is_last and c.failure is null) as "compensated!",
    count(*) filter (where c.is_last and c.failure is not null) as "failed!",
    max(c.failure) as failure,
    exists (select from compensation p where p.tenant_id = $1 and p.run_id = $2) as "is_pending!"
from (select) as one
left join compensated c on c.tenant_id = $1 and c.run_id = $2
group by c.step
order by c.step
