-- Bytes of all that is kept of runs, indexes and all (no tenant_id: the database is the bench's own).
select sum(pg_total_relation_size(name::regclass))::bigint from unnest(array['run', 'token', 'task', 'attempt']) as name
