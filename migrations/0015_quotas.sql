-- What tenants may take, and what they took.

-- A tenant without a row may take what is usual. What is null is not limited.
create table quota (
    tenant_id int not null references tenant (id),
    weight int not null,
    running_attempts int,
    live_runs bigint,
    runs_per_second int,
    fuel_per_minute bigint,
    stored_bytes bigint,
    components int,
    compile_seconds_per_day int,
    requests_per_second int,
    -- When the second of runs, and the minute of fuel, will be there again in full.
    runs_full_at timestamptz not null default now(),
    fuel_full_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint quota_pkey primary key (tenant_id),
    constraint quota_has_a_weight check (weight between 1 and 10000),
    constraint quota_does_not_stall check (
        running_attempts > 0 and runs_per_second > 0 and fuel_per_minute > 0 and requests_per_second > 0
    )
) with (fillfactor = 60);

-- Sums of receipts, by hour. Each lane of each worker has rows of its own, so that nobody waits for another's commit; what the API
-- did has worker 0.
create table usage (
    hour timestamptz not null,
    attempts bigint not null default 0,
    failed_attempts bigint not null default 0,
    fuel bigint not null default 0,
    wall_us bigint not null default 0,
    host_calls bigint not null default 0,
    input_bytes bigint not null default 0,
    output_bytes bigint not null default 0,
    log_bytes bigint not null default 0,
    compile_ms bigint not null default 0,
    tenant_id int not null,
    worker_id int not null,
    lane smallint not null,
    constraint usage_pkey primary key (tenant_id, hour, worker_id, lane)
) with (fillfactor = 60);

-- What a tenant stores, as it was counted last.
create table stored (
    tenant_id int not null references tenant (id),
    bytes bigint not null,
    counted_at timestamptz not null default now(),
    constraint stored_pkey primary key (tenant_id)
);
