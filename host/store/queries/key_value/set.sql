-- Sets a key of a flow (tenant_id, flow, key) to $4, where its value is what is expected ($5: 0 whatever it is, 1 none, 2 the value
-- $6) and the tenant's values have at most $7 bytes then, each row counted with $14 more, by whoever holds the claim $8 to $13; worker
-- $13 null: on a compensation. The flow is locked.
with claim as (
    select (
        exists (
            select
            from token k
            join worker w on w.id = k.worker_id
            where k.tenant_id = $1 and k.run_id = $8 and k.born_step = $9 and k.born_index = $10 and k.born_attempt = $11
              and k.epoch = $12 and k.worker_id = $13 and w.lost_at is null
        ) or exists (
            select
            from compensation c
            where c.tenant_id = $1 and c.run_id = $8 and c.epoch = $12 and c.due_at > now() and $13::int is null
        )
    ) as is_held
),
before as (
    select value, octet_length($3) + octet_length(value) + $14::int as bytes
    from key_value
    where tenant_id = $1 and flow_id = $2 and key = $3
),
used as (
    select coalesce(sum(byte_count), 0)::bigint as bytes from key_value_use where tenant_id = $1
),
change as (
    select (octet_length($3) + octet_length($4::bytea) + $14 - coalesce((select bytes from before), 0))::bigint as bytes
),
verdict as (
    select
        claim.is_held,
        case $5::smallint
            when 0 then true
            when 1 then not exists (select from before)
            else exists (select from before where value = $6)
        end as is_expected,
        change.bytes <= 0 or used.bytes + change.bytes <= $7 as fits,
        change.bytes
    from claim, used, change
),
written as (
    insert into key_value (tenant_id, flow_id, key, value)
    select $1, $2, $3, $4 from verdict where is_held and is_expected and fits
    on conflict (tenant_id, flow_id, key) do update set value = excluded.value, updated_at = now()
),
counted as (
    insert into key_value_use as u (tenant_id, flow_id, byte_count)
    select $1, $2, greatest(bytes, 0) from verdict where is_held and is_expected and fits
    on conflict (tenant_id, flow_id) do update set byte_count = u.byte_count + (select bytes from verdict)
)
select is_held as "is_held!", is_expected as "is_expected!", fits as "fits!" from verdict
