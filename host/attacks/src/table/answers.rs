//! What is answered to hurt whoever stores it, reads it or shows it.

use model::{FailureKind, HandlerErrorKind};

use crate::{Attack, Expected};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest(
        "result_giant",
        "bytes copied from the guest",
        Expected::Fails(FailureKind::OutputTooLarge),
    ),
    Attack::guest("result_over_limit", "output size", Expected::Fails(FailureKind::OutputTooLarge)),
    Attack::guest(
        "result_overlaps_itself",
        "JSON gate",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest("result_not_json", "JSON gate", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest("result_empty", "JSON gate", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest("result_two_documents", "JSON gate", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest(
        "result_byte_order_mark",
        "JSON gate",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest("result_nested", "JSON gate: depth", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest(
        "result_many_values",
        "JSON gate: values",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "result_duplicate_key",
        "JSON gate: unique keys",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "result_number_overflows",
        "JSON gate: numbers",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "result_number_of_jsonb",
        "JSON gate: numbers",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest("result_not_a_number", "JSON gate", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest(
        "result_lone_surrogate",
        "JSON gate: Unicode",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest("result_nul", "JSON gate: NUL", Expected::Fails(FailureKind::InvalidOutput)),
    Attack::guest(
        "error_giant",
        "length of messages",
        Expected::Fails(FailureKind::HandlerError(HandlerErrorKind::Execution)),
    ),
    Attack::guest(
        "error_hostile_details",
        "JSON gate, length of messages",
        Expected::Fails(FailureKind::HandlerError(HandlerErrorKind::Execution)),
    ),
];
