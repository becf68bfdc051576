-- Saves a schedule under its name (tenant_id, name), in place of one that has it, which stays paused where it was; nothing
-- where that is the same and has no problem.
insert into schedule as s (tenant_id, name, flow_id, closure, definition, next_at)
select $1, $2, (select id from flow where tenant_id = $1 and name = $3), $4, $5, to_timestamp($6::bigint)
on conflict (tenant_id, name) do update
set flow_id = excluded.flow_id, closure = excluded.closure, definition = excluded.definition,
    next_at = case when s.next_at is not null then excluded.next_at end,
    revision = s.revision + 1, last_problem = null, updated_at = now()
where (s.flow_id, s.closure, s.definition) is distinct from (excluded.flow_id, excluded.closure, excluded.definition)
    or s.last_problem is not null
returning (s.xmax = 0) as "is_new!"
