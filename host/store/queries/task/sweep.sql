-- Deletes tokens of runs (tenant_id, run) that have ended in this transaction, those too that were born while it waited.
delete from token t
using unnest($1::int[], $2::uuid[]) as e (tenant_id, run_id), run r
where r.tenant_id = e.tenant_id and r.id = e.run_id and r.ended_at is not null
  and t.tenant_id = r.tenant_id and t.run_id = r.id
