-- Saves a closure under its name (tenant_id, name), in place of one that has it; nothing where that is the same.
insert into closure as c (tenant_id, name, flow_id, base, preset)
select $1, $2, (select id from flow where tenant_id = $1 and name = $3), $4, $5
on conflict (tenant_id, name) do update
set flow_id = excluded.flow_id, base = excluded.base, preset = excluded.preset, updated_at = now()
where (c.flow_id, c.base, c.preset) is distinct from (excluded.flow_id, excluded.base, excluded.preset)
returning (c.xmax = 0) as "is_new!"
