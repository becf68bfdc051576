-- Whether this connection acts as the role that sees one tenant_id.
select current_user = 'stepcell_api' as "is_bound!"
