-- Deletes ended runs with all they own: of the $5 runs after ($1, $2) by (tenant_id, id) and before $3, those that ended over
-- $4 milliseconds ago, are not still to be compensated, and are no children of a live run. Answers where the page ended.
with page as (
    select r.tenant_id, r.id, r.flow_id, r.key, r.ended_at, r.parent_run_id, r.deadline_at
    from run r
    where (r.tenant_id, r.id) > ($1::int, $2::uuid) and r.id < $3::uuid
    order by r.tenant_id, r.id
    limit $5
),
gone as (
    select p.tenant_id, p.id, p.flow_id, p.key, p.deadline_at
    from page p
    where p.ended_at < now() - $4::bigint * interval '1 ms'
      and not exists (select from compensation c where c.tenant_id = p.tenant_id and c.run_id = p.id)
      and not exists (
          select from run parent
          where parent.tenant_id = p.tenant_id and parent.id = p.parent_run_id and parent.ended_at is null
      )
),
a as (delete from outcome x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
b as (delete from attempt x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
c as (delete from attempt_log x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
d as (delete from arrival x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
e as (delete from task x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
f as (delete from signal x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
h as (delete from compensated x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
i as (delete from idempotency x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
j as (
    delete from run_key x using gone g
    where x.tenant_id = g.tenant_id and x.flow_id = g.flow_id and x.key = g.key and x.run_id = g.id
),
l as (
    delete from run_deadline x using gone g
    where x.deadline_at = g.deadline_at and x.tenant_id = g.tenant_id and x.run_id = g.id
),
k as (delete from token x using gone g where x.tenant_id = g.tenant_id and x.run_id = g.id),
pruned as (
    delete from run x using gone g where x.tenant_id = g.tenant_id and x.id = g.id and x.ended_at is not null
    returning 1
)
select
    (select count(*) from page) as "seen!", (select count(*) from pruned) as "pruned!",
    last.tenant_id as "tenant_id?", last.id as "id?"
from (select) as one
left join lateral (select tenant_id, id from page order by tenant_id desc, id desc limit 1) as last on true
