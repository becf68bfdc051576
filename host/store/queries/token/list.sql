-- The live branches of a run.
select step, lo, hi, attempt, lost, worker_id, iso8601(wake_at) as "wake_at"
from token
where tenant_id = $1 and run_id = $2
order by step, lo
