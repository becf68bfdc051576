;; Grows its memory by a mebibyte whenever the host asks it for memory, which it makes the host do.
(module
  (import "stepcell:handler/context@0.1.0" "task" (func $task (param i32)))
  (memory (export "memory") 2)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then (unreachable)))
    (i32.const 4096))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (loop $again (call $task (i32.const 512)) (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
