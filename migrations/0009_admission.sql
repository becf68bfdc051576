-- What a task waits for before an attempt: a place under a key, its share of a rate, its component.

-- `key`: waits for a place under its key. `rate`: has it, and waits for its rate. `open`: may run. `component`: its
-- component is not there.
create type token_gate as enum ('key', 'rate', 'open', 'component');

-- All null while nothing has to be waited for; cleared when the token moves, so that no place outlives its attempt.
alter table token
    add column gate       token_gate,
    add column key        text,
    add column key_limit  smallint,
    add column rate       text,
    add column weight     int,
    -- When it stops waiting for its component.
    add column gate_until timestamptz;
create index token_with_place on token (tenant_id, key) where gate in ('rate', 'open') and key is not null;
create index token_for_place on token (tenant_id, key, priority desc, run_id, born_step, born_index) where gate = 'key';
create index token_for_share on token (tenant_id, rate, priority desc, run_id, born_step, born_index)
    where gate = 'rate' and wake_at is not null;
create index token_blocked on token (tenant_id) where gate = 'component' and wake_at is not null;

-- Token buckets. A bucket that is full is not there.
create table rate_bucket (
    -- When it is full again, if nothing is taken.
    full_at     timestamptz not null,
    -- The time in which one unit flows in.
    interval_us double precision not null,
    tenant_id   int not null,
    burst       int not null,
    -- Its name, and `/` and a key where it has one.
    rate        text not null,
    primary key (tenant_id, rate)
) with (fillfactor = 60);
create index rate_bucket_full on rate_bucket (full_at);
