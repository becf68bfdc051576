-- Records an attempt to compensate, by whoever still holds the run (tenant_id, run, epoch), who holds it for $14 more
-- milliseconds; nothing for anybody else.
with held as (
    update compensation
    set due_at = now() + $14::bigint * interval '1 ms'
    where tenant_id = $1 and run_id = $2 and epoch = $3
    returning tenant_id, run_id
)
insert into compensated (tenant_id, run_id, step, index, attempt, is_last, failure, fuel, wall_us, peak_memory_bytes,
    worker_id, lines)
select tenant_id, run_id, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
from held
