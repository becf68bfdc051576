-- Deletes a key of a flow (tenant_id, flow, key), whose row counts for $10 bytes more, by whoever holds the claim $4 to $9; worker $9
-- null: on a compensation. The flow is locked.
with claim as (
    select (
        exists (
            select
            from token k
            join worker w on w.id = k.worker_id
            where k.tenant_id = $1 and k.run_id = $4 and k.born_step = $5 and k.born_index = $6 and k.born_attempt = $7
              and k.epoch = $8 and k.worker_id = $9 and w.lost_at is null
        ) or exists (
            select
            from compensation c
            where c.tenant_id = $1 and c.run_id = $4 and c.epoch = $8 and c.due_at > now() and $9::int is null
        )
    ) as is_held
),
gone as (
    delete from key_value v
    using claim
    where claim.is_held and v.tenant_id = $1 and v.flow_id = $2 and v.key = $3
    returning octet_length(v.key) + octet_length(v.value) + $10::int as bytes
),
counted as (
    update key_value_use u
    set byte_count = u.byte_count - gone.bytes
    from gone
    where u.tenant_id = $1 and u.flow_id = $2
)
select is_held as "is_held!", exists (select from gone) as "is_gone!" from claim
