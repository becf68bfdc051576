//! What breaks the line between guest and host: pointers, texts, the order of calls.

use model::FailureKind;

use crate::{Attack, Expected};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest(
        "result_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "result_pointer_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "result_pointer_unaligned",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("result_wraps", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "result_length_overflows",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("result_bad_case", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "result_bad_error_kind",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("result_bad_option", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("result_not_utf8", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "utf16_lone_surrogate",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("utf16_unaligned", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "utf16_length_overflows",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "latin1_lone_surrogate",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "latin1_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "realloc_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("realloc_unaligned", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("realloc_aliases", "canonical ABI", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest("realloc_traps", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest("realloc_grows", "memory", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest(
        "realloc_calls_the_host",
        "order of calls",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("post_return_traps", "trap", Expected::Fails(FailureKind::Trap)),
    Attack::guest(
        "post_return_calls_the_host",
        "order of calls",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("post_return_grows", "memory", Expected::Fails(FailureKind::MemoryExceeded)),
    Attack::guest("log_out_of_bounds", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "log_giant",
        "bytes copied from the guest",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("log_bad_level", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("log_not_utf8", "canonical ABI", Expected::Fails(FailureKind::AbiViolation)),
];
