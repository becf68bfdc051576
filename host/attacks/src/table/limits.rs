//! What runs until a clock, the fuel, the memory or the stack stops it.

use model::FailureKind;

use crate::{Attack, Expected, bombs};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest("loop_in_handle", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("loop_in_start", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("loop_in_realloc", "fuel", Expected::Fails(FailureKind::OutOfFuel)),
    Attack::guest("loop_in_post_return", "fuel", Expected::Fails(FailureKind::OutOfFuel)),
    Attack::guest("loop_of_tail_calls", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("loop_of_indirect_calls", "fuel", Expected::Fails(FailureKind::OutOfFuel)),
    Attack::guest("loop_that_only_jumps", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest(
        "host_call_flood",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest(
        "flow_input_flood",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest(
        "log_flood",
        "log budget, price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest(
        "log_fields_flood",
        "log budget, price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest("memory_fill_flood", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("memory_copy_flood", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("memory_init_flood", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("table_fill_flood", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("memory_growth", "memory", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest("memory_growth_whole", "memory", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest("memory_at_start", "memory", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest("memory_grow_by_nothing", "fuel", Expected::Fails(FailureKind::OutOfFuel)),
    Attack::guest("memory_grow_by_everything", "fuel", Expected::Fails(FailureKind::OutOfFuel)),
    Attack::guest(
        "memory_and_tables_together",
        "memory and tables together",
        Expected::Fails(FailureKind::MemoryExceeded),
    ),
    Attack::guest("memory_refused_then_division", "memory", Expected::Fails(FailureKind::Trap)),
    Attack::guest(
        "memory_refused_then_bad_pointer",
        "memory",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("table_growth", "table elements", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest(
        "table_growth_at_once",
        "table elements",
        Expected::Fails(FailureKind::MemoryExceeded),
    ),
    Attack::guest("recursion", "wasm stack", Expected::Fails(FailureKind::StackOverflow)),
    Attack::guest("recursion_in_start", "wasm stack", Expected::Fails(FailureKind::StackOverflow)),
    Attack::guest("recursion_in_pairs", "wasm stack", Expected::Fails(FailureKind::StackOverflow)),
    Attack::guest(
        "recursion_in_realloc",
        "wasm stack",
        Expected::Fails(FailureKind::StackOverflow),
    ),
    Attack::guest(
        "host_call_from_every_depth",
        "wasm stack, native stack",
        Expected::Fails(FailureKind::StackOverflow),
    ),
    Attack::guest(
        "log_from_every_depth",
        "wasm stack, native stack",
        Expected::Fails(FailureKind::StackOverflow),
    ),
    Attack::guest(
        "context_from_every_depth",
        "wasm stack, native stack",
        Expected::Fails(FailureKind::StackOverflow),
    ),
    Attack::made(
        "fills_in_a_row",
        "wall clock",
        Expected::Fails(FailureKind::Timeout),
        (
            bombs::fills,
            "Fills 60 MiB two thousand times in a row, with no loop and no call between.",
        ),
    ),
    Attack::made(
        "copies_in_a_row",
        "wall clock",
        Expected::Fails(FailureKind::Timeout),
        (
            bombs::copies,
            "Copies 30 MiB two thousand times in a row, with no loop and no call between.",
        ),
    ),
    Attack::guest(
        "system_random_giant",
        "bytes a call answers",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("system_flood", "price of host calls", Expected::Fails(FailureKind::OutOfFuel)),
];
