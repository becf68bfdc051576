-- Every attempt of one task: those that were followed by another, then the last.
select phase as "phase!", attempt as "attempt!", go_on, iso8601(recorded_at) as "recorded_at!", null::text as output, failure, retry_in_ms, fuel as "fuel!", wall_us as "wall_us!",
    instantiate_us as "instantiate_us!", peak_memory_bytes as "peak_memory_bytes!", input_bytes as "input_bytes!", output_bytes as "output_bytes!", host_calls as "host_calls!", log_bytes as "log_bytes!", worker_id as "worker_id!"
from attempt
where tenant_id = $1 and run_id = $2 and step = $3 and index = $4
union all
select phase, attempt, null, iso8601(recorded_at), output, failure, null, fuel, wall_us,
    instantiate_us, peak_memory_bytes, input_bytes, output_bytes, host_calls, log_bytes, worker_id
from outcome
where tenant_id = $1 and run_id = $2 and step = $3 and index = $4
order by 1, 2
