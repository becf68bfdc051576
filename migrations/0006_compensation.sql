-- What is undone after a run has failed for good or was cancelled.

-- True: some of its steps can be compensated.
alter table flow_version add column compensates bool not null default false;

-- Runs whose completed tasks are to be compensated. Whoever works on one holds it until `due_at`, fenced by the epoch.
create table compensation (
    due_at    timestamptz not null default now(),
    run_id    uuid not null,
    tenant_id int not null,
    epoch     int not null default 0,
    primary key (tenant_id, run_id)
);
create index compensation_due on compensation (due_at);

-- Every attempt to compensate a task; the last one says what it ended in.
create table compensated (
    recorded_at       timestamptz not null default now(),
    fuel              bigint not null,
    wall_us           bigint not null,
    peak_memory_bytes bigint not null,
    run_id            uuid not null,
    tenant_id         int not null,
    index             int not null,
    worker_id         int not null,
    step              smallint not null,
    attempt           smallint not null,
    is_last           bool not null,
    failure           text,
    lines             text not null,
    primary key (tenant_id, run_id, step, index, attempt)
);
