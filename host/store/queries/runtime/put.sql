-- Installs a runtime: those of its language that are bound from now on are bound to it. No row: it is another language's.
insert into runtime as r (digest, language, bytes, report)
values ($1, $2, $3, $4)
on conflict (digest) do update set report = excluded.report, installed_at = clock_timestamp()
where r.language = excluded.language
returning iso8601(installed_at) as "installed_at!"
