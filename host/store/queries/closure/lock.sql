-- One change of closures at a time for this tenant_id: two could close a circle that neither of them sees.
select pg_advisory_xact_lock(hashtextextended('closure', $1::int))::text as "locked!"
