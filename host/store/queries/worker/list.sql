-- Every worker that beats. Workers belong to no tenant_id.
select w.id, w.host, w.slots, w.stale_count, iso8601(w.started_at) as "started_at!",
    (extract(epoch from now() - w.beat_at) * 1000)::bigint as "beat_ago_ms!",
    w.deprecated_at is not null as "is_deprecated!"
from worker w
where w.lost_at is null
order by w.id
