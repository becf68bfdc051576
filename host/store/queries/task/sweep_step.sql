-- Deletes tokens of map steps that were skipped in this transaction: for each (tenant_id, run, step); -1 is no step. Some
-- were born while it waited for others.
delete from token t
using unnest($1::int[], $2::uuid[], $3::smallint[]) as s (tenant_id, run_id, step)
where s.step >= 0 and t.tenant_id = s.tenant_id and t.run_id = s.run_id and t.step = s.step
