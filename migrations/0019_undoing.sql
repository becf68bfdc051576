-- Undoing is shared out between tenants, and what ends the process that undoes it is not tried for ever.

alter table compensation
    -- Whoever holds it; none while it rests.
    add column worker_id int,
    -- Times in a row its holder went away without a word.
    add column lost      smallint not null default 0;

drop index compensation_due;
create index compensation_due on compensation (tenant_id, due_at);
create index compensation_worker on compensation (worker_id) where worker_id is not null;
