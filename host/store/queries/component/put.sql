-- Keeps a component; the same bytes twice are the same row.
insert into component (tenant_id, digest, bytes, report, runtime, program, offers)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, digest) do nothing
