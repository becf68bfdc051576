;; Logs at every depth of its stack, down to the last byte of it.
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
  (data (i32.const 64) "{\"a\":[1,2,3]}")
  (func $down (param i32) (result i32)
    (call $log (i32.const 2) (i32.const 64) (i32.const 13) (i32.const 1) (i32.const 64) (i32.const 13))
    (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (call $down (i32.const 0)))
  (func (export "cabi_post_handle") (param i32)))
