-- The uploaded bytes of a component.
select bytes from component where tenant_id = $1 and digest = $2
