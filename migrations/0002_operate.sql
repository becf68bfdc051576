-- What operators look up: which version was active before, and runs by how they ended.

-- Every time new runs were pointed at another version. `back_to` is the activation a rollback returns to: what was
-- active before, never what was rolled back from.
create table activation (
    tenant_id    int not null,
    flow_id      bigint not null references flow,
    number       int not null,
    version      int not null,
    back_to      int,
    -- The request that asked for it, so that sending it again does not roll back further.
    asked_by     text,
    activated_at timestamptz not null default now(),
    primary key (tenant_id, flow_id, number),
    foreign key (tenant_id, flow_id, version) references flow_version,
    constraint activation_goes_back check (back_to < number)
);
create unique index activation_asked_by on activation (tenant_id, flow_id, asked_by) where asked_by is not null;
insert into activation (tenant_id, flow_id, number, version)
select tenant_id, id, 1, current_version from flow where current_version is not null;

alter table flow add column current_activation int;
update flow set current_activation = 1 where current_version is not null;
alter table flow add constraint flow_version_was_activated
    check ((current_version is null) = (current_activation is null));

-- Few runs fail or are cancelled, and they are the ones that are looked for. Neither index mentions the status: it
-- changes with every run, and an update that touches no index stays within its page.
alter table run add column cancelled_at timestamptz;
update run set cancelled_at = ended_at where status = 'cancelled';
alter table run add constraint run_cancelled_says_when check ((cancelled_at is not null) = (status = 'cancelled'));
create index run_failed on run (tenant_id, id) where failure is not null;
create index run_cancelled on run (tenant_id, id) where cancelled_at is not null;

-- The transaction that recorded a log: who follows one goes on from there.
alter table attempt_log add column xid xid8 not null default pg_current_xact_id();

-- A lost worker's row stays for a while: what was in flight when it was taken for dead may still commit in its name.
alter table worker add column lost_at timestamptz;

-- A worker is taken for dead by its own lease, whoever looks.
alter table worker add column lease_ms bigint not null default 15000;
