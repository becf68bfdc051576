-- Deletes tokens of runs that ended: some were born in the same moment. For each (tenant_id, run).
delete from token t
using unnest($1::int[], $2::uuid[]) as held (tenant_id, run_id), run r
where r.tenant_id = held.tenant_id
  and r.id = held.run_id
  and r.status in ('completed', 'failed', 'cancelled')
  and t.tenant_id = r.tenant_id
  and t.run_id = r.id
