-- Deletes breakers of any tenant_id that no call came to in the last hour: closed, or open and not even asked for a probe; $1 at
-- most.
delete from breaker
where ctid = any (array(
    select ctid from breaker
    where failed_at < now() - interval '1 hour' and (retry_at is null or retry_at < now() - interval '1 hour')
    order by failed_at
    limit $1
    for update skip locked
))
