-- The moment by Postgres's clock, in seconds since 1970, which decides for every tenant_id.
select extract(epoch from now())::bigint as "now!"
