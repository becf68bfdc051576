-- Has what these runs (tenant_id, run) completed compensated, where this transaction has ended them badly and their
-- version can be.
insert into compensation (tenant_id, run_id)
select r.tenant_id, r.id
from (select distinct tenant_id, run_id from unnest($1::int[], $2::uuid[]) as u (tenant_id, run_id)) as e
join run r on r.tenant_id = e.tenant_id and r.id = e.run_id
join flow_version v on v.tenant_id = r.tenant_id and v.flow_id = r.flow_id and v.version = r.version
where v.compensates and r.status in ('failed', 'cancelled') and r.xmin = pg_current_xact_id()::xid
on conflict do nothing
