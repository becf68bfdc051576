-- Adds what a compilation took to a tenant's usage of this hour (tenant_id, worker 0: it was the API's).
insert into usage as u (tenant_id, hour, worker_id, lane, compile_ms)
values ($1, date_trunc('hour', now(), 'UTC'), 0, 0, $2)
on conflict (tenant_id, hour, worker_id, lane) do update set compile_ms = u.compile_ms + excluded.compile_ms
