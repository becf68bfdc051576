-- What Stepcell keeps. Hot tables (token, arrival) are narrow and updated in place; history (outcome, attempt,
-- attempt_log) is only appended to. The tenant leads every key.

create type run_status as enum ('queued', 'running', 'completed', 'failed', 'cancelled');

create table tenant (
    id         int generated always as identity primary key,
    name       text not null,
    created_at timestamptz not null default now(),
    constraint tenant_name_is_unique unique (name)
);

insert into tenant (name) values ('default');

-- A key names its tenant. The secret is shown once and kept as its sha256.
create table api_key (
    id            text primary key,
    tenant_id     int not null references tenant,
    secret_sha256 bytea not null,
    scopes        text[] not null,
    created_at    timestamptz not null default now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    constraint api_key_scopes_are_known check (scopes <@ array['read', 'run', 'deploy', 'admin'])
);

-- Uploaded wasm, named by the sha256 of the bytes that were uploaded.
create table component (
    tenant_id  int not null references tenant,
    digest     bytea not null,
    bytes      bytea not null,
    report     text not null,
    created_at timestamptz not null default now(),
    primary key (tenant_id, digest),
    constraint component_digest_is_sha256 check (length(digest) = 32)
);
alter table component alter column bytes set storage external;

create table flow (
    id              bigint generated always as identity primary key,
    tenant_id       int not null references tenant,
    name            text not null,
    -- The version new runs start on.
    current_version int,
    created_at      timestamptz not null default now(),
    constraint flow_name_is_unique unique (tenant_id, name)
);

-- Immutable: a definition never changes and is never deleted by another one.
create table flow_version (
    tenant_id    int not null references tenant,
    flow_id      bigint not null references flow,
    version      int not null,
    definition   text not null,
    content_hash bytea not null,
    root_steps   smallint[] not null,
    created_at   timestamptz not null default now(),
    primary key (tenant_id, flow_id, version),
    constraint flow_version_content_is_unique unique (tenant_id, flow_id, content_hash),
    constraint flow_version_is_positive check (version > 0)
);

-- Which components a version pins.
create table flow_version_component (
    tenant_id int not null,
    digest    bytea not null,
    flow_id   bigint not null,
    version   int not null,
    primary key (tenant_id, digest, flow_id, version),
    foreign key (tenant_id, digest) references component,
    foreign key (tenant_id, flow_id, version) references flow_version
);

create table run (
    tenant_id   int not null,
    id          uuid not null,
    flow_id     bigint not null,
    version     int not null,
    status      run_status not null,
    priority    smallint not null default 0,
    failed_step smallint,
    created_at  timestamptz not null default now(),
    started_at  timestamptz,
    ended_at    timestamptz,
    input       text not null,
    failure     text,
    traceparent text,
    primary key (tenant_id, id),
    constraint run_ends_when_it_ended
        check ((ended_at is not null) = (status in ('completed', 'failed', 'cancelled'))),
    constraint run_failure_says_why check ((failure is not null) = (status = 'failed'))
) with (fillfactor = 80);
create index run_by_flow on run (tenant_id, flow_id, id);

-- A live branch of a run: a runnable task or a range of map tasks. Identity is where it was born, so that bearing
-- it twice is harmless; it moves in place. `lo` -1: the step is about to open; -2: all tasks of the map step ended.
create table token (
    run_id       uuid not null,
    tenant_id    int not null,
    born_index   int not null,
    born_step    smallint not null,
    born_attempt smallint not null,
    step         smallint not null,
    lo           int not null,
    hi           int not null,
    epoch        int not null default 0,
    worker_id    int,
    attempt      smallint not null default 1,
    lost         smallint not null default 0,
    priority     smallint not null default 0,
    wake_at      timestamptz,
    primary key (tenant_id, run_id, born_step, born_index, born_attempt),
    constraint token_is_held_or_waits check (worker_id is null or wake_at is null)
) with (fillfactor = 60, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000);
create index token_ready on token (tenant_id, priority desc, run_id) where worker_id is null and wake_at is null;
create index token_waiting on token (wake_at) where wake_at is not null;

-- Where branches meet: one row for each join that something arrived at. `step` -1 is the run itself.
create table arrival (
    run_id        uuid not null,
    tenant_id     int not null,
    arrived       int not null,
    arrival_count int not null,
    step          smallint not null,
    primary key (tenant_id, run_id, step),
    constraint arrival_never_exceeds check (arrived <= arrival_count)
) with (fillfactor = 60);

-- What a task ended in, once: the key is the guarantee. `index` -1: the step ended without a task.
create table outcome (
    recorded_at       timestamptz not null default now(),
    xid               xid8 not null default pg_current_xact_id(),
    fuel              bigint not null,
    wall_us           bigint not null,
    peak_memory_bytes bigint not null,
    run_id            uuid not null,
    tenant_id         int not null,
    index             int not null,
    ord               int not null,
    instantiate_us    int not null,
    input_bytes       int not null,
    output_bytes      int not null,
    host_calls        int not null,
    log_bytes         int not null,
    worker_id         int not null,
    step              smallint not null,
    attempt           smallint not null,
    output            text,
    failure           text,
    primary key (tenant_id, run_id, step, index),
    constraint outcome_is_an_output_or_a_failure check ((output is null) <> (failure is null))
);

-- An attempt that failed and was followed by another one.
create table attempt (
    recorded_at       timestamptz not null default now(),
    xid               xid8 not null default pg_current_xact_id(),
    fuel              bigint not null,
    wall_us           bigint not null,
    peak_memory_bytes bigint not null,
    retry_in_ms       bigint not null,
    run_id            uuid not null,
    tenant_id         int not null,
    index             int not null,
    ord               int not null,
    instantiate_us    int not null,
    input_bytes       int not null,
    output_bytes      int not null,
    host_calls        int not null,
    log_bytes         int not null,
    worker_id         int not null,
    step              smallint not null,
    attempt           smallint not null,
    failure           text not null,
    primary key (tenant_id, run_id, step, index, attempt)
);

-- What an attempt wrote to its log: a JSON array of lines.
create table attempt_log (
    run_id    uuid not null,
    tenant_id int not null,
    index     int not null,
    step      smallint not null,
    attempt   smallint not null,
    lines     text not null,
    primary key (tenant_id, run_id, step, index, attempt)
);

-- A worker is alive while it beats; its lease covers every token it holds.
create table worker (
    id          int generated always as identity primary key,
    host        text not null,
    slots       int not null,
    stale_count bigint not null default 0,
    started_at  timestamptz not null default now(),
    beat_at     timestamptz not null default now()
);

-- A start that was asked for with an idempotency key, and the run it made.
create table idempotency (
    tenant_id      int not null,
    key            text not null,
    request_sha256 bytea not null,
    run_id         uuid not null,
    created_at     timestamptz not null default now(),
    primary key (tenant_id, key)
);

-- lz4 where this Postgres has it: five times faster than the default on large payloads.
do $$
begin
    if (select enumvals @> array['lz4'] from pg_settings where name = 'default_toast_compression') then
        alter table run alter column input set compression lz4;
        alter table outcome alter column output set compression lz4;
        alter table attempt_log alter column lines set compression lz4;
    end if;
end $$;

-- An instant as every answer writes it: RFC 3339, UTC, microseconds.
create function iso8601(at timestamptz) returns text
    language sql stable
    return to_char(at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
