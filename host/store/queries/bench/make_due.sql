-- Has all that waits of a tenant_id's runs that are no older than $2 be due within one second, which begins in $3
-- milliseconds, and keeps when.
with moved as (
    update token
    set wake_at = now() + $3 * interval '1 ms' + random() * interval '1 s'
    where tenant_id = $1 and run_id >= $2 and wake_at is not null
    returning tenant_id, run_id, wake_at
)
insert into bench.due (tenant_id, run_id, due_at)
select tenant_id, run_id, wake_at from moved
