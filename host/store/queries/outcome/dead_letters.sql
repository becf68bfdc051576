-- Tasks that ended with a failure for good, of the newest runs first: those after ($2, $3, $4) by run, step and index; $5:
-- only of this flow.
select
    o.run_id, o.step, o.index, o.attempt, o.phase, o.failure as "failure!", iso8601(o.recorded_at) as "recorded_at!",
    f.name as flow_name, r.flow_id, r.version
from outcome o
join run r on r.tenant_id = o.tenant_id and r.id = o.run_id
join flow f on f.tenant_id = r.tenant_id and f.id = r.flow_id
where o.tenant_id = $1 and o.failure is not null and o.index >= 0
  and (o.run_id < $2::uuid or (o.run_id = $2::uuid and (o.step, o.index) > ($3::smallint, $4::int)))
  and ($5::bigint is null or r.flow_id = $5)
  and o.failure not like '{"kind":"skipped"%'
order by o.run_id desc, o.step, o.index
limit $6
