-- Deletes buckets of any tenant_id that have been full for a while and that nobody waits for; $1 at most.
delete from rate_bucket b
using (
    select tenant_id, rate from rate_bucket
    where full_at < now() - interval '1 minute'
    order by full_at
    limit $1
    for update skip locked
) as f
where b.tenant_id = f.tenant_id and b.rate = f.rate
  and not exists (
      select from token t
      where t.tenant_id = b.tenant_id and t.rate = b.rate and t.gate = 'rate' and t.wake_at is not null
  )
