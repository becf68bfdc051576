-- Empties what runs leave behind: the database is the bench's own (no tenant_id is spared).
truncate run, token, task, signal, outcome, attempt, attempt_log, arrival
