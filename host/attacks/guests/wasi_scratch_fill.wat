;; Writes to a file of its folder without end, farther on each time, whatever is refused.
(module
  (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $folders (param i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
    (func $open (param i32 i32 i32 i32 i32 i32 i32)))
  (import "wasi:filesystem/types@0.2.12" "[method]descriptor.write"
    (func $write (param i32 i32 i32 i64 i32)))
  (memory (export "memory") 2)
  (global $next (mut i32) (i32.const 4096))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (func $root (result i32)
    (call $folders (i32.const 256))
    (i32.load (i32.load (i32.const 256))))
  (data (i32.const 64) "file")
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (local $file i32) (local $place i64)
    (call $open (call $root) (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 1) (i32.const 3) (i32.const 512))
    (if (i32.load8_u (i32.const 512)) (then (unreachable)))
    (local.set $file (i32.load (i32.const 516)))
    (loop $again
      (call $write (local.get $file) (i32.const 0) (i32.const 65536) (local.get $place) (i32.const 512))
      (local.set $place (i64.add (local.get $place) (i64.const 65536)))
      (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
