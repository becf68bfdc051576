-- Deletes breakers of any tenant_id that no call came to in the last hour: closed, or open and not even asked for a probe; $1 at
-- most.
delete from breaker b
using (
    select tenant_id, origin from breaker
    where failed_at < now() - interval '1 hour' and (retry_at is null or retry_at < now() - interval '1 hour')
    order by failed_at
    limit $1
    for update skip locked
) as f
where b.tenant_id = f.tenant_id and b.origin = f.origin
