-- Closures, which are saved start requests, and schedules, which start runs by themselves.

-- A start that was saved under a name: of a flow, or of another closure (`base`).
create table closure (
    tenant_id  int not null references tenant,
    name       text not null,
    flow_id    bigint references flow,
    base       text,
    -- What it says about its runs, as far as it says anything; JSON.
    preset     text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    primary key (tenant_id, name),
    foreign key (tenant_id, base) references closure,
    constraint closure_names_a_flow_or_a_closure check (num_nonnulls(flow_id, base) = 1)
);
create index closure_by_base on closure (tenant_id, base) where base is not null;

create table schedule (
    tenant_id    int not null references tenant,
    -- The moment that is to be kept next; null: it is paused.
    next_at      timestamptz,
    -- The moment it dealt with last, and what came of it: `started`, `overlap`, `missed`, `problem`.
    last_at      timestamptz,
    flow_id      bigint references flow,
    -- Counts what changed it, so that nobody starts what it was before.
    revision     int not null default 1,
    name         text not null,
    closure      text,
    -- Its cron expression and what it says about its runs; JSON.
    definition   text not null,
    last_outcome text,
    -- The run it started last.
    last_run_id  uuid,
    -- Why it could not start one, until it can; JSON.
    last_problem text,
    created_at   timestamptz not null default now(),
    updated_at   timestamptz not null default now(),
    primary key (tenant_id, name),
    foreign key (tenant_id, closure) references closure,
    constraint schedule_names_a_flow_or_a_closure check (num_nonnulls(flow_id, closure) = 1)
);
create index schedule_next on schedule (next_at) where next_at is not null;
create index schedule_of_tenant on schedule (tenant_id, next_at) where next_at is not null;
create index schedule_by_closure on schedule (tenant_id, closure) where closure is not null;

-- The schedule that started it.
alter table run add column schedule text;
