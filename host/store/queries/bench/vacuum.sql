-- What autovacuum would do in its own time (no tenant_id: the database is the bench's own).
vacuum (analyze) run, token, task, attempt
