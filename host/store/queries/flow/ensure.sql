-- The flow of this name, made if it is new. The row is locked: versions of one flow are registered one by one.
insert into flow (tenant_id, name)
values ($1, $2)
on conflict (tenant_id, name) do update set name = excluded.name
returning id
