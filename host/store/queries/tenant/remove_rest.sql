-- Deletes a tenant_id that is gone and everything that is left of it once its runs and components are deleted.
with gone as (
    select t.id
    from tenant t
    where t.id = $1 and t.deleting_at is not null
      and not exists (select from run r where r.tenant_id = t.id)
      and not exists (select from component c where c.tenant_id = t.id)
    for update skip locked
),
-- What was recorded while its run was being deleted.
a as (delete from token x using gone g where x.tenant_id = g.id),
b as (delete from outcome x using gone g where x.tenant_id = g.id),
c as (delete from attempt x using gone g where x.tenant_id = g.id),
d as (delete from attempt_log x using gone g where x.tenant_id = g.id),
e as (delete from arrival x using gone g where x.tenant_id = g.id),
f as (delete from task x using gone g where x.tenant_id = g.id),
h as (delete from signal x using gone g where x.tenant_id = g.id),
i as (delete from compensated x using gone g where x.tenant_id = g.id),
j as (delete from compensation x using gone g where x.tenant_id = g.id),
k as (delete from idempotency x using gone g where x.tenant_id = g.id),
l as (delete from run_key x using gone g where x.tenant_id = g.id),
m as (delete from rate_bucket x using gone g where x.tenant_id = g.id),
n as (delete from breaker x using gone g where x.tenant_id = g.id),
o as (delete from schedule x using gone g where x.tenant_id = g.id),
p as (delete from closure x using gone g where x.tenant_id = g.id),
q as (delete from activation x using gone g where x.tenant_id = g.id),
r as (delete from flow_version_component x using gone g where x.tenant_id = g.id),
s as (delete from flow_version x using gone g where x.tenant_id = g.id),
t as (delete from flow x using gone g where x.tenant_id = g.id),
u as (delete from api_key x using gone g where x.tenant_id = g.id),
v as (delete from quota x using gone g where x.tenant_id = g.id),
w as (delete from usage x using gone g where x.tenant_id = g.id),
y as (delete from stored x using gone g where x.tenant_id = g.id),
z as (delete from secret x using gone g where x.tenant_id = g.id),
aa as (delete from key_value x using gone g where x.tenant_id = g.id),
ab as (delete from key_value_use x using gone g where x.tenant_id = g.id),
ac as (delete from quarantine x using gone g where x.tenant_id = g.id)
delete from tenant x using gone g where x.id = g.id
