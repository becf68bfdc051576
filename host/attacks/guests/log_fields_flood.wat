;; Logs 60 KB of fields, 15,000 objects, again and again.
(module
  (import "stepcell:handler/log@0.1.0" "write"
    (func $log (param i32 i32 i32 i32 i32 i32)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (data (i32.const 8186) "{\"a\":[")
  (data (i32.const 68192) "1]}")
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (local $n i32)
    (loop $fill
      (i32.store (i32.add (i32.const 8192) (local.get $n)) (i32.const 0x2c7d7b20))
      (local.set $n (i32.add (local.get $n) (i32.const 4)))
      (br_if $fill (i32.lt_u (local.get $n) (i32.const 60000))))
    (loop $again
      (call $log (i32.const 2) (i32.const 8186) (i32.const 1) (i32.const 1) (i32.const 8186) (i32.const 60009))
      (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
