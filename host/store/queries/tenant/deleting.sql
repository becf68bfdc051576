-- A tenant_id that has been gone for $1 milliseconds: no host believes its keys any more.
select id from tenant where deleting_at < now() - $1::bigint * interval '1 ms' order by deleting_at limit 1
