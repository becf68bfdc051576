;; A runtime, honest or hostile as the first letter of a source says: its handlers answer the program they are bound to.
(module
  (import "stepcell:handler/source@0.1.0" "program" (func $program (param i32)))
  ;; 4 MiB: the answers below are pieces of it.
  (memory (export "memory") 64)
  (global $next (mut i32) (i32.const 2097152))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $next) (i32.const 7)) (i32.const -8)))
    (global.set $next (i32.add (local.get $at) (local.get 3)))
    (local.get $at))
  (data (i32.const 64) "{\"handlers\":[]}")
  (data (i32.const 80) "not JSON")
  (data (i32.const 96) "fetch")
  (data (i32.const 104) "key-value")
  (data (i32.const 120) "root")
  ;; Lists of capabilities: `key-value`, `fetch`, `fetch`; `root`.
  (data (i32.const 160) "\68\00\00\00\09\00\00\00\60\00\00\00\05\00\00\00\60\00\00\00\05\00\00\00")
  (data (i32.const 192) "\78\00\00\00\04\00\00\00")
  ;; One whose name has a mebibyte.
  (data (i32.const 200) "\00\00\20\00\00\00\10\00")
  ;; What is answered of a good source: its own text is the program.
  (func $good (param $text i32) (param $len i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store (i32.const 4) (local.get $text))
    (i32.store (i32.const 8) (local.get $len))
    (i32.store (i32.const 12) (i32.const 64))
    (i32.store (i32.const 16) (i32.const 15))
    (i32.store (i32.const 20) (i32.const 160))
    (i32.store (i32.const 24) (i32.const 0))
    (i32.store8 (i32.const 28) (i32.const 0))
    (i32.store8 (i32.const 29) (i32.const 0)))
  ;; So many problems, from 65536 on, all of which share one message of so many bytes.
  (func $problems (param $count i32) (param $message i32)
    (local $at i32)
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (i32.const 65536))
    (i32.store (i32.const 8) (local.get $count))
    (local.set $at (i32.const 65536))
    (memory.fill (i32.const 2097152) (i32.const 109) (local.get $message))
    (loop $more
      (i32.store (local.get $at) (i32.const 7))
      (i32.store offset=4 (local.get $at) (i32.const 3))
      (i32.store offset=8 (local.get $at) (i32.const 2097152))
      (i32.store offset=12 (local.get $at) (local.get $message))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $more (local.tee $count (i32.sub (local.get $count) (i32.const 1))))))
  (func (export "prepare") (param $text i32) (param $len i32) (result i32)
    (local $letter i32)
    (local.set $letter (i32.load8_u (local.get $text)))
    (call $good (local.get $text) (local.get $len))
    ;; t: traps.
    (if (i32.eq (local.get $letter) (i32.const 116)) (then (unreachable)))
    ;; s: says of itself what is no JSON.
    (if (i32.eq (local.get $letter) (i32.const 115)) (then
      (i32.store (i32.const 12) (i32.const 80))
      (i32.store (i32.const 16) (i32.const 8))))
    ;; d: says a byte more than the 256 KiB it may.
    (if (i32.eq (local.get $letter) (i32.const 100)) (then (i32.store (i32.const 16) (i32.const 262145))))
    ;; p: a program of a byte more than 1 MiB.
    (if (i32.eq (local.get $letter) (i32.const 112)) (then (i32.store (i32.const 8) (i32.const 1048577))))
    ;; z: a program with NUL in it.
    (if (i32.eq (local.get $letter) (i32.const 122)) (then (i32.store (i32.const 4) (i32.const 256))))
    ;; i: a program that lies outside of its memory.
    (if (i32.eq (local.get $letter) (i32.const 105)) (then (i32.store (i32.const 4) (i32.const -8))))
    ;; c: capabilities, one twice.
    (if (i32.eq (local.get $letter) (i32.const 99)) (then (i32.store (i32.const 24) (i32.const 3))))
    ;; r: a capability that nobody has.
    (if (i32.eq (local.get $letter) (i32.const 114)) (then
      (i32.store (i32.const 20) (i32.const 192))
      (i32.store (i32.const 24) (i32.const 1))))
    ;; n: one that nobody can have, by its length.
    (if (i32.eq (local.get $letter) (i32.const 110)) (then
      (i32.store (i32.const 20) (i32.const 200))
      (i32.store (i32.const 24) (i32.const 1))))
    ;; b: both of what a source may have beside its handlers.
    (if (i32.eq (local.get $letter) (i32.const 98)) (then (i32.store16 (i32.const 28) (i32.const 257))))
    ;; m: a thousand problems.
    (if (i32.eq (local.get $letter) (i32.const 109)) (then (call $problems (i32.const 1000) (i32.const 5))))
    ;; g: hundred thousand problems, which would be a hundred gigabytes where each had its own message.
    (if (i32.eq (local.get $letter) (i32.const 103)) (then (call $problems (i32.const 100000) (i32.const 1048576))))
    ;; w: one problem of a mebibyte of words.
    (if (i32.eq (local.get $letter) (i32.const 119)) (then (call $problems (i32.const 1) (i32.const 1048576))))
    (i32.const 0))
  (func (export "cabi_post_prepare") (param i32))
  ;; Answers the program as it is, once: a second call in one instance traps.
  (global $was_called (mut i32) (i32.const 0))
  (func (export "handle") (param $case i32) (param $at i32) (param $len i32) (result i32)
    (if (global.get $was_called) (then (unreachable)))
    (global.set $was_called (i32.const 1))
    (call $program (i32.const 16))
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.const 0))
  (func (export "cabi_post_handle") (param i32))
  (func (export "on-error") (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 8) (i32.const 0))
    (i32.const 0))
  (func (export "cabi_post_on-error") (param i32))
  (func (export "compensate") (param i32 i32 i32 i32 i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.const 0))
  (func (export "cabi_post_compensate") (param i32)))
