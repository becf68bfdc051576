-- Bytes of what a page of a tenant's (tenant_id) runs after $2 holds; on the first page those of what is no run's, too.
with page as (
    select id, octet_length(input)::bigint + coalesce(octet_length(options), 0) as bytes
    from run where tenant_id = $1 and id > $2 order by id limit $3
)
select
    (select id from page order by id desc limit 1) as "last",
    (select count(*) from page) as "runs!",
    (
        coalesce((select sum(bytes) from page), 0)
        + coalesce((select sum(octet_length(coalesce(o.output, o.failure))) from page p
            join outcome o on o.tenant_id = $1 and o.run_id = p.id), 0)
        + coalesce((select sum(octet_length(a.failure)) from page p
            join attempt a on a.tenant_id = $1 and a.run_id = p.id), 0)
        + coalesce((select sum(octet_length(l.lines)) from page p
            join attempt_log l on l.tenant_id = $1 and l.run_id = p.id), 0)
        + coalesce((select sum(octet_length(k.state)) from page p
            join task k on k.tenant_id = $1 and k.run_id = p.id), 0)
        + coalesce((select sum(octet_length(s.payload)) from page p
            join signal s on s.tenant_id = $1 and s.run_id = p.id), 0)
        + coalesce((select sum(octet_length(c.lines) + coalesce(octet_length(c.failure), 0)) from page p
            join compensated c on c.tenant_id = $1 and c.run_id = p.id), 0)
        + case when $2 = '00000000-0000-0000-0000-000000000000'
            then coalesce((select sum(octet_length(bytes) + coalesce(octet_length(program), 0)) from component where tenant_id = $1), 0)
                + coalesce((select sum(byte_count) from key_value_use where tenant_id = $1), 0)
                + coalesce((select sum(octet_length(definition)) from flow_version where tenant_id = $1), 0)
                + coalesce((select sum(octet_length(preset)) from closure where tenant_id = $1), 0)
                + coalesce((select sum(octet_length(definition)) from schedule where tenant_id = $1), 0)
                + coalesce((select sum(octet_length(ciphertext)) from secret where tenant_id = $1), 0)
                + coalesce((select sum(octet_length(key) + octet_length(request_sha256)) from idempotency
                    where tenant_id = $1), 0)
            else 0
        end
    )::bigint as "bytes!"
