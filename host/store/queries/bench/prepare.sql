-- The tables of the baseline: steps with a status each, attempts and events beside them, as most engines on Postgres
-- keep them; they have no tenant_id, nor any customer. And the tables of the floors, and when what sleeps was due.
drop schema if exists bench cascade;
create schema bench;
create table bench.run (id bigint primary key, status text not null default 'running', left_count int not null default 3);
create table bench.step (
    id         bigint generated always as identity primary key,
    run        bigint not null,
    step       smallint not null,
    status     text not null,
    input      text,
    output     text,
    claimed_at timestamptz,
    ended_at   timestamptz
);
create index step_ready on bench.step (id) where status = 'ready';
create index step_of_run on bench.step (run, step);
create table bench.attempt (
    id      bigint generated always as identity primary key,
    step_id bigint not null,
    fuel    bigint not null,
    wall_us bigint not null,
    output  text
);
create table bench.event (
    id  bigint generated always as identity primary key,
    run bigint not null,
    what text not null,
    at  timestamptz not null default now()
);
create index event_of_run on bench.event (run, id);
create table bench.outcome (run uuid not null, step smallint not null, output text not null, primary key (run, step));
create table bench.row (id bigint generated always as identity primary key, at timestamptz not null default now());
create table bench.due (tenant_id int not null, run_id uuid not null, due_at timestamptz not null)
