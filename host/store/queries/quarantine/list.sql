-- Every component in quarantine, of every tenant_id: workers call none of them.
select tenant_id, digest from quarantine
