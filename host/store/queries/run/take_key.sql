-- Names a run about to start; nothing when a live run of the flow has the key. Comes after lock_key.sql.
insert into run_key as k (tenant_id, flow_id, key, run_id)
values ($1, $2, $3, $4)
on conflict (tenant_id, flow_id, key) do update
set run_id = excluded.run_id
where exists (
    select from run r where r.tenant_id = k.tenant_id and r.id = k.run_id and r.ended_at is not null
)
