-- One start at a time for this tenant_id, flow and key.
select pg_advisory_xact_lock(hashtextextended($3, $1::int::bigint * 1000003 + $2::bigint))::text as "locked!"
