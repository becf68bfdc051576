-- Lets a schedule (tenant_id, name) that rests go on at $4; nothing when its revision is not $3 any more.
update schedule
set next_at = coalesce(next_at, to_timestamp($4::bigint)), revision = revision + 1, updated_at = now()
where tenant_id = $1 and name = $2 and revision = $3
