-- The tables of the baseline: jobs with a status, as most queues keep them; they have no tenant_id, nor any customer.
drop schema if exists bench cascade;
create schema bench;
create table bench.job (
    id     bigint generated always as identity primary key,
    run    bigint not null,
    step   smallint not null,
    status text not null default 'ready',
    input  text not null,
    output text
);
create index job_ready on bench.job (id) where status = 'ready';
create table bench.run (id bigint primary key, status text not null default 'running');
create table bench.outcome (run uuid not null, step smallint not null, output text not null, primary key (run, step));
create table bench.row (id bigint generated always as identity primary key, at timestamptz not null default now())
