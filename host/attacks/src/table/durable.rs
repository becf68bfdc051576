//! What a durable handler answers to go on for ever, keep everything or start everybody.

use model::{FailureKind, HandlerErrorKind};

use crate::{Attack, Expected};

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest(
        "durable_phases_without_end",
        "phases of a task",
        Expected::Fails(FailureKind::TooManyPhases),
    ),
    Attack::guest(
        "durable_retries_without_end",
        "attempts",
        Expected::Fails(FailureKind::HandlerError(HandlerErrorKind::Execution)),
    ),
    Attack::guest(
        "durable_sleeps_for_ever",
        "length of a sleep",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_state_giant",
        "size of a state",
        Expected::Fails(FailureKind::OutputTooLarge),
    ),
    Attack::guest(
        "durable_state_not_json",
        "JSON gate",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_phase_giant",
        "form of names",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_signal_giant",
        "form of names",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_signal_named_badly",
        "form of names",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_signals_too_many",
        "names one wait has",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_signals_overflow",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "durable_spawns_too_many",
        "children of one spawn",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_spawns_a_stranger",
        "flows of the tenant",
        Expected::Fails(FailureKind::InvalidOutput),
    ),
    Attack::guest(
        "durable_outcome_forged",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "durable_skips_giant",
        "output size",
        Expected::Fails(FailureKind::OutputTooLarge),
    ),
    Attack::guest(
        "durable_fails_giant",
        "length of messages",
        Expected::Fails(FailureKind::HandlerError(HandlerErrorKind::Execution)),
    ),
    Attack::guest(
        "durable_reads_without_end",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest("on_error_loops", "budget of `on-error`", Expected::Fails(FailureKind::Trap)),
    Attack::guest("on_error_traps", "budget of `on-error`", Expected::Fails(FailureKind::Trap)),
    Attack::guest(
        "on_error_goes_on",
        "phases of a task",
        Expected::Fails(FailureKind::TooManyPhases),
    ),
];
