-- Every worker that beats.
select id, host, slots, stale_count, iso8601(started_at) as "started_at!",
    (extract(epoch from now() - beat_at) * 1000)::bigint as "beat_ago_ms!"
from worker
where lost_at is null
order by id
