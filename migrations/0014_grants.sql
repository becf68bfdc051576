-- Grants: secrets that calls out may carry, and values that flows keep.

-- The value is encrypted with a key that is not in Postgres, and bound to its tenant, name and version, so that no row can stand
-- for another.
create table secret (
    tenant_id  int not null references tenant,
    name       text not null,
    version    int not null,
    -- Which key it is encrypted with.
    key_id     text not null,
    nonce      bytea not null,
    ciphertext bytea not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, name),
    constraint secret_version_is_positive check (version > 0),
    constraint secret_nonce_is_24_bytes check (length(nonce) = 24)
);

-- What the handlers of a flow keep beyond their runs. Keys are in the order of their bytes.
create table key_value (
    tenant_id  int not null,
    flow_id    bigint not null references flow,
    key        text collate "C" not null,
    value      bytea not null,
    updated_at timestamptz not null default now(),
    primary key (tenant_id, flow_id, key)
);

-- How much that is, keys and values. Changed with them, under a lock of the flow.
create table key_value_use (
    tenant_id  int not null,
    flow_id    bigint not null references flow,
    byte_count bigint not null,
    primary key (tenant_id, flow_id),
    constraint key_value_use_is_not_negative check (byte_count >= 0)
) with (fillfactor = 60);
