-- How many tasks some map steps have: for each (tenant_id, run, step).
select a.run_id, a.step, a.arrival_count
from unnest($1::int[], $2::uuid[], $3::smallint[]) as n (tenant_id, run_id, step)
join arrival a on a.tenant_id = n.tenant_id and a.run_id = n.run_id and a.step = n.step
