-- Which of these tokens (tenant_id and identity) a worker still holds at this epoch.
select t.ordinality as "at!"
from unnest($2::int[], $3::uuid[], $4::smallint[], $5::int[], $6::smallint[], $7::int[]) with ordinality
    as t (tenant_id, run_id, born_step, born_index, born_attempt, epoch, ordinality)
join token k
  on k.tenant_id = t.tenant_id
 and k.run_id = t.run_id
 and k.born_step = t.born_step
 and k.born_index = t.born_index
 and k.born_attempt = t.born_attempt
where k.worker_id = $1 and k.epoch = t.epoch
