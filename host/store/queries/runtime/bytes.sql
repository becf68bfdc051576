-- The bytes of a runtime.
select bytes from runtime where digest = $1
