-- Bounds: breakers at rest go, and values count their rows.

-- When a call failed last: whoever has rested since is forgotten.
alter table breaker add column failed_at timestamptz not null default now();
create index breaker_rested on breaker (failed_at);

-- What a row takes beside its key and value.
update key_value_use u
set byte_count = u.byte_count + 100 * (select count(*) from key_value v where v.tenant_id = u.tenant_id and v.flow_id = u.flow_id);
