-- Which of these runs, held by one worker for their tenants, ended some other way.
select r.tenant_id, r.id
from unnest($1::int[], $2::uuid[]) as held (tenant_id, run_id)
join run r on r.tenant_id = held.tenant_id and r.id = held.run_id
where r.status in ('completed', 'failed', 'cancelled')
