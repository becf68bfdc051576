//! What asks WASI for more than nothing.

use model::FailureKind;

use crate::{Attack, Expected};

const SCRATCH: &str = "scratch = true";

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest(
        "wasi_call_flood",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest("wasi_exits", "no process to end", Expected::Fails(FailureKind::Trap)),
    Attack::guest("wasi_leaks_handles", "handles", Expected::Fails(FailureKind::Trap)),
    Attack::guest("wasi_subscribes_without_end", "handles", Expected::Fails(FailureKind::Trap)),
    Attack::guest("wasi_forges_a_handle", "handles", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("wasi_drops_twice", "handles", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("wasi_confuses_handles", "handles", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest("wasi_looks_around", "nothing granted", Expected::Completes),
    Attack::guest(
        "wasi_scratch_fill",
        "bytes of the scratch folder",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(SCRATCH),
    Attack::guest(
        "wasi_scratch_crowd",
        "files in the scratch folder",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(SCRATCH),
    Attack::guest(
        "wasi_scratch_nest",
        "files in the scratch folder",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(SCRATCH),
    Attack::guest("wasi_network", "nothing granted", Expected::Completes),
    Attack::guest("wasi_sleeps", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("wasi_polls_forever", "wall clock", Expected::Fails(FailureKind::Timeout)),
    Attack::guest("wasi_polls_nothing", "handles", Expected::Fails(FailureKind::AbiViolation)),
    Attack::guest(
        "wasi_poll_storm",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest(
        "wasi_polls_ten_thousand",
        "bytes copied from the guest",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest(
        "wasi_prints_without_end",
        "log budget, price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    ),
    Attack::guest(
        "wasi_prints_too_much",
        "bytes a call takes",
        Expected::Fails(FailureKind::AbiViolation),
    ),
    Attack::guest("wasi_random_giant", "bytes a call answers", Expected::Fails(FailureKind::Trap)),
    Attack::guest("wasi_random_flood", "wall clock", Expected::Fails(FailureKind::Timeout)),
];
