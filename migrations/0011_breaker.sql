-- Circuit breakers: what calls out of a tenant's flows to one origin came to, in all hosts together.

-- An origin whose calls failed has a row. Closed while `opened_at` is null; else open until `retry_at`. From then on one call
-- is let through as a probe: it writes its number here and moves `retry_at` to when it counts as lost.
create table breaker (
    tenant_id     int not null references tenant,
    origin        text not null,
    -- In a row.
    failure_count int not null,
    opened_at     timestamptz,
    retry_at      timestamptz,
    probe         bigint,
    opened_count  bigint not null default 0,
    refused_count bigint not null default 0,
    primary key (tenant_id, origin),
    constraint breaker_opens_for_a_while check ((opened_at is null) = (retry_at is null)),
    constraint breaker_is_probed_while_open check (probe is null or opened_at is not null)
) with (fillfactor = 60);
create index breaker_open on breaker (tenant_id) where opened_at is not null;
