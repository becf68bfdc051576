//! What misuses what it was granted: requests, values, secrets.

use model::{Code, FailureKind};

use crate::{Attack, Expected};

/// One host, which nobody answers for.
const ONE_HOST: &str = "fetch = [\"granted.test\"]";
/// Every host there is.
const ANY_HOST: &str = "fetch = [\"*:*\"]";
/// Values to look at and to write.
const VALUES: &str = "key_value = true";
/// A secret for one of two hosts.
const SECRET: &str = "fetch = [\"granted.test\", \"localhost\"], secrets = [{ name = \"GRANTED\", to = [\"granted.test\"] }]";

pub(super) const ATTACKS: &[Attack] = &[
    Attack::guest("fetch_flood", "requests of an attempt", Expected::Fails(FailureKind::OutOfFuel))
        .granted(ANY_HOST),
    Attack::guest("fetch_inward", "public addresses alone", Expected::Completes).granted(ANY_HOST),
    Attack::guest("fetch_elsewhere", "hosts that are granted", Expected::Completes)
        .granted(ONE_HOST),
    Attack::guest("fetch_schemes", "hosts that are granted", Expected::Completes).granted(ONE_HOST),
    Attack::guest("fetch_splits_headers", "form of headers", Expected::Completes).granted(ONE_HOST),
    Attack::guest(
        "fetch_headers_overflow",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    )
    .granted(ONE_HOST),
    Attack::guest(
        "fetch_body_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    )
    .granted(ONE_HOST),
    Attack::guest("fetches", "grants", Expected::Refused(Code::ManifestMissingGrant)),
    Attack::guest("value_flood", "bytes an attempt moves", Expected::Fails(FailureKind::OutOfFuel))
        .granted(VALUES),
    Attack::guest(
        "value_reads_without_end",
        "bytes an attempt moves",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(VALUES),
    Attack::guest(
        "value_lists_without_end",
        "calls of an attempt",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(VALUES),
    Attack::guest("value_keys_hostile", "form of keys", Expected::Completes).granted(VALUES),
    Attack::guest("value_giant", "size of a value", Expected::Completes).granted(VALUES),
    Attack::guest(
        "value_out_of_bounds",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    )
    .granted(VALUES),
    Attack::guest(
        "value_key_not_utf8",
        "canonical ABI",
        Expected::Fails(FailureKind::AbiViolation),
    )
    .granted(VALUES),
    Attack::guest("value_read_only", "grants", Expected::Completes).granted("key_value = \"read\""),
    Attack::guest("secret_guessed", "names that are granted", Expected::Completes).granted(SECRET),
    Attack::guest(
        "secret_asked_without_end",
        "price of host calls",
        Expected::Fails(FailureKind::OutOfFuel),
    )
    .granted(SECRET),
    Attack::guest("secret_in_the_url", "headers alone", Expected::Completes).granted(SECRET),
    Attack::guest("secret_in_the_body", "headers alone", Expected::Completes).granted(SECRET),
    Attack::guest("secret_to_another_host", "hosts of a secret", Expected::Completes)
        .granted(SECRET),
];
