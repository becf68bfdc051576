-- Tasks of durable handlers: phases, signals, children.

-- How many phases of its task lie before it.
alter table token add column phase smallint not null default 0;
alter table outcome add column phase smallint not null default 0;

-- An attempt after which its task went on: where, and what it waits for. Attempts are counted anew in each phase.
alter table attempt
    add column phase smallint not null default 0,
    add column go_on text,
    alter column failure drop not null,
    add constraint attempt_failed_or_went_on check ((failure is null) <> (go_on is null)),
    drop constraint attempt_pkey,
    add primary key (tenant_id, run_id, step, index, phase, attempt);
alter table attempt_log
    add column phase smallint not null default 0,
    drop constraint attempt_log_pkey,
    add primary key (tenant_id, run_id, step, index, phase, attempt);

-- What a task that went on goes on with. `phase` is the number of phases before the one it is at, `awaits` what it
-- waits or waited for there, `children_left` the children it spawned that have not ended.
create table task (
    run_id        uuid not null,
    tenant_id     int not null,
    index         int not null,
    children_left int,
    step          smallint not null,
    phase         smallint not null,
    -- When it goes on without a signal; null: never.
    await_until   timestamptz,
    phase_name    text not null,
    awaits        text[],
    state         text,
    primary key (tenant_id, run_id, step, index),
    constraint task_children_left_is_not_negative check (children_left >= 0)
) with (fillfactor = 70);

-- A run's inbox. An entry stays when it was consumed, so that the same dedup key twice stays one entry.
create table signal (
    id          bigint generated always as identity,
    run_id      uuid not null,
    tenant_id   int not null,
    sent_at     timestamptz not null default now(),
    consumed_at timestamptz,
    name        text not null,
    dedup_key   text,
    payload     text not null,
    primary key (tenant_id, run_id, id)
);
create unique index signal_dedup_key on signal (tenant_id, run_id, dedup_key) where dedup_key is not null;

-- The task that spawned a run, and its name among that task's children.
alter table run
    add column parent_run_id uuid,
    add column parent_step   smallint,
    add column parent_index  int,
    add column child_key     text,
    add column abandoned     bool not null default false,
    -- How many runs are above it.
    add column depth         smallint not null default 0,
    add constraint run_parent_is_a_task
        check ((parent_run_id is null) = (parent_step is null) and (parent_run_id is null) = (parent_index is null));
create unique index run_child on run (tenant_id, parent_run_id, parent_step, parent_index, child_key)
    where parent_run_id is not null;

do $$
begin
    if (select enumvals @> array['lz4'] from pg_settings where name = 'default_toast_compression') then
        alter table task alter column state set compression lz4;
        alter table signal alter column payload set compression lz4;
    end if;
end $$;
