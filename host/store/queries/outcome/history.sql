-- Everything recorded of a run after ($4, $5), in the order of recording. Of a live run only what no open transaction
-- can still precede, so that a reader that goes on after the last row misses nothing; once a run has ended nothing
-- can come any more. Outputs only where $3 asks for them.
select
    h.xid::text::bigint as "xid!", h.ord as "ord!", iso8601(h.recorded_at) as "recorded_at!", h.step as "step!",
    h.index as "index!", h.phase as "phase!", h.attempt as "attempt!",
    h.output, h.failure, h.go_on, h.retry_in_ms,
    h.fuel as "fuel!", h.wall_us as "wall_us!", h.instantiate_us as "instantiate_us!",
    h.peak_memory_bytes as "peak_memory_bytes!", h.input_bytes as "input_bytes!", h.output_bytes as "output_bytes!",
    h.host_calls as "host_calls!", h.log_bytes as "log_bytes!", h.worker_id as "worker_id!"
from (
    select xid, ord, recorded_at, step, index, phase, attempt, case when $3::bool or index < 0 then output end as output, failure,
        null::text as go_on, null::bigint as retry_in_ms, fuel, wall_us, instantiate_us, peak_memory_bytes, input_bytes, output_bytes,
        host_calls, log_bytes, worker_id
    from outcome
    where tenant_id = $1 and run_id = $2
    union all
    select xid, ord, recorded_at, step, index, phase, attempt, null, failure,
        go_on, retry_in_ms, fuel, wall_us, instantiate_us, peak_memory_bytes, input_bytes, output_bytes,
        host_calls, log_bytes, worker_id
    from attempt
    where tenant_id = $1 and run_id = $2
) as h
where (h.xid, h.ord) > ($4::text::xid8, $5::int)
  and (
      h.xid < pg_snapshot_xmin(pg_current_snapshot())
      or exists (select from run r where r.tenant_id = $1 and r.id = $2 and r.ended_at is not null)
  )
order by h.xid, h.ord
