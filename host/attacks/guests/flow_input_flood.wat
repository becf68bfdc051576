;; Has the host copy the flow input into the same place again and again.
(module
  (import "stepcell:handler/context@0.1.0" "flow-input" (func $flow_input (param i32)))
  (memory (export "memory") 40)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (loop $again (call $flow_input (i32.const 64)) (br $again))
    (unreachable))
  (func (export "cabi_post_handle") (param i32)))
