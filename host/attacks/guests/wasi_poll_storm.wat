;; Asks for what is ready, which is everything, without end.
(module
  (import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (local $one i32)
    (local.set $one (call $after (i64.const 0)))
    (i32.store (i32.const 1024) (local.get $one))
    (loop $again
      (call $poll (i32.const 1024) (i32.const 1) (i32.const 512))
      (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
