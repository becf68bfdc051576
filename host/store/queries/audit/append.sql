-- Appends an entry about a tenant (its tenant_id; null: about the host) to the audit log, sealed with the one before it.
select audit_append($1, $2, $3, $4, $5) is null as "done!"
