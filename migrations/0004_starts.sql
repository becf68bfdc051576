-- What a start can say about its run: options, a deadline, a key.

alter table run
    -- What the run says about its steps' attempts, in place of what the flow says; JSON.
    add column options     text,
    add column deadline_at timestamptz,
    -- Its name among the live runs of its flow.
    add column key         text;

-- Runs that are to fail if they have not ended by then.
create table run_deadline (
    deadline_at timestamptz not null,
    run_id      uuid not null,
    tenant_id   int not null,
    primary key (deadline_at, tenant_id, run_id)
);

-- The run that was started last with a key.
create table run_key (
    flow_id   bigint not null references flow,
    run_id    uuid not null,
    tenant_id int not null,
    key       text not null,
    primary key (tenant_id, flow_id, key)
);
