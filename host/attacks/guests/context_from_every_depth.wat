;; Has the host call back for memory at every depth of its stack.
(module
  (import "stepcell:handler/context@0.1.0" "task" (func $task (param i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func $down (param i32) (result i32)
    (call $task (i32.const 512))
    (i32.add (call $down (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (call $down (i32.const 0)))
  (func (export "cabi_post_handle") (param i32)))
