-- Installs a runtime: those of its language that are bound from now on are bound to it.
insert into runtime (digest, language, bytes, report)
values ($1, $2, $3, $4)
on conflict (digest) do update set language = excluded.language, installed_at = clock_timestamp()
