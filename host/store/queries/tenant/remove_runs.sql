-- Deletes some runs of a tenant_id that is gone, $2 at most, with all they own; answers which, and whether each had ended.
-- Nothing while another worker does.
with mine as (
    select id from tenant where id = $1 and deleting_at is not null for no key update skip locked
),
page as materialized (
    select r.tenant_id, r.id, r.deadline_at, r.ended_at
    from mine
    join run r on r.tenant_id = mine.id
    order by r.id
    limit $2
),
a as (delete from token x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
b as (delete from outcome x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
c as (delete from attempt x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
d as (delete from attempt_log x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
e as (delete from arrival x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
f as (delete from task x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
g as (delete from signal x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
h as (delete from compensated x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
i as (delete from compensation x using page p where x.tenant_id = p.tenant_id and x.run_id = p.id),
j as (
    delete from run_deadline x using page p
    where x.deadline_at = p.deadline_at and x.tenant_id = p.tenant_id and x.run_id = p.id
)
delete from run x using page p where x.tenant_id = p.tenant_id and x.id = p.id
returning x.id, p.ended_at is null as "is_live!"
