;; Asks for 64 KiB of random bytes without end: each call is cheap for the guest, not for the host.
(module
  (import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (loop $again (call $random (i64.const 65536) (i32.const 512)) (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
