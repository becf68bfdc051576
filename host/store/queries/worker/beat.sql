-- A worker is alive. Nothing when it was taken for dead: then it holds nothing any more. Workers belong to no tenant_id.
update worker
set beat_at = now(), stale_count = stale_count + $2
where id = $1 and lost_at is null
returning
    deprecated_at is not null as "is_deprecated!",
    (select count(*) from worker o where o.lost_at is null and o.deprecated_at is null and o.id < $1) as "older!",
    (select count(*) from worker o where o.lost_at is null and o.deprecated_at is null) as "all!"
