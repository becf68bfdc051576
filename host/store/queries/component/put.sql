-- Keeps a component; the same bytes twice are the same row.
insert into component (tenant_id, digest, bytes, report)
values ($1, $2, $3, $4)
on conflict (tenant_id, digest) do nothing
