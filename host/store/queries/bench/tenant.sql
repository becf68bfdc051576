-- The tenant of this name, made where it is not there.
insert into tenant (name) values ($1) on conflict (name) do update set name = excluded.name
returning id
