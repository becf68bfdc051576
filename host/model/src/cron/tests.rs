//! Which moments an expression names, and what is said of one that names none.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Moment {
    Moment(text.parse::<Timestamp>().unwrap().as_second())
}

/// The next moments, in UTC.
fn next(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let cron = Cron::read(cron, zone).unwrap();
    let mut moment = at(after);
    let mut found = Vec::new();
    for _ in 0..count {
        moment = cron.next_after(moment).unwrap();
        found.push(Timestamp::from_second(moment.0).unwrap().to_string());
    }
    found
}

#[test]
fn an_expression_names_the_moments_that_cron_would() {
    let after = "2026-01-01T00:00:00Z";
    for (cron, first) in [
        ("30 2 * * *", "2026-01-01T02:30:00Z"),
        ("*/15 * * * *", "2026-01-01T00:15:00Z"),
        ("*/10 * * * * *", "2026-01-01T00:00:10Z"),
        ("0 9 * * mon-fri", "2026-01-01T09:00:00Z"),
        ("0 0 1 MAR *", "2026-03-01T00:00:00Z"),
        ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ("0 0 L * *", "2026-01-31T00:00:00Z"),
        ("0 0 * * FRI#2", "2026-01-09T00:00:00Z"),
        ("0 0 * * FRI#L", "2026-01-30T00:00:00Z"),
        ("0 0 * * 7", "2026-01-04T00:00:00Z"),
        // Day of month or day of week, where both are said.
        ("0 0 13 * FRI", "2026-01-02T00:00:00Z"),
        ("@daily", "2026-01-02T00:00:00Z"),
        ("@HOURLY", "2026-01-01T01:00:00Z"),
    ] {
        assert_eq!(next(cron, "UTC", after, 1), [first], "{cron}");
    }
}

#[test]
fn a_moment_is_never_its_own_next_one() {
    let cron = Cron::read("* * * * * *", "UTC").unwrap();
    assert_eq!(cron.next_after(Moment(1_000_000_000)), Some(Moment(1_000_000_001)));
}

#[test]
fn an_expression_is_read_in_its_zone() {
    let after = "2026-01-01T00:00:00Z";
    assert_eq!(next("0 3 * * *", "Europe/Berlin", after, 1), ["2026-01-01T02:00:00Z"]);
    assert_eq!(next("0 3 * * *", "asia/kolkata", after, 1), ["2026-01-01T21:30:00Z"]);
}

#[test]
fn where_clocks_go_forward_one_time_of_day_is_the_first_moment_after_the_gap_and_others_are_left_out()
 {
    // 2026-03-29 02:00 to 03:00 does not exist in Berlin.
    let nights = next("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
    assert_eq!(nights, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
    let hours = next("0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
    assert_eq!(hours, ["2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
    let two = next("30 2,14 * * *", "Europe/Berlin", "2026-03-28T18:00:00Z", 2);
    assert_eq!(two, ["2026-03-29T12:30:00Z", "2026-03-30T00:30:00Z"]);
}

#[test]
fn where_clocks_go_back_one_time_of_day_comes_once_and_others_twice() {
    // 2026-10-25 02:00 to 03:00 is there twice in Berlin.
    let nights = next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(nights, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
    let hours = next("30 * * * *", "Europe/Berlin", "2026-10-24T23:59:00Z", 3);
    assert_eq!(hours, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"]);
}

#[test]
fn what_cannot_be_read_is_refused_with_its_field() {
    for (cron, field) in [
        ("61 * * * *", "minute"),
        ("* 24 * * *", "hour"),
        ("* MON * * *", "hour"),
        ("* * 0 * *", "day of month"),
        ("* * 32 * *", "day of month"),
        ("* * * 13 *", "month"),
        ("* * * MON *", "month"),
        ("* * * * 8", "day of week"),
        ("* * * * FRY", "day of week"),
        ("60 * * * * *", "second"),
        ("5, * * * *", "minute"),
        (", * * * *", "minute"),
        ("5-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("x * * * *", "minute"),
    ] {
        match Cron::read(cron, "UTC") {
            Err(BadCron::Field { field: found, .. }) => assert_eq!(found, field, "{cron}"),
            other => panic!("{cron}: {other:?}"),
        }
    }
    for cron in ["", "* * * *", "* * * * * * *", "@fortnightly", "daily", &"1,".repeat(200)] {
        let refused = Cron::read(cron, "UTC").unwrap_err();
        assert!(matches!(refused, BadCron::Fields { .. }), "{cron}: {refused}");
    }
}

#[test]
fn a_day_that_never_comes_is_refused() {
    for cron in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 0 31 FEB *"] {
        let refused = Cron::read(cron, "UTC").unwrap_err();
        assert_eq!(refused.code(), Code::ScheduleNeverFires, "{cron}: {refused}");
    }
}

#[test]
fn an_unknown_zone_is_refused_with_the_one_that_was_meant() {
    for (zone, near) in
        [("Berlin", "Europe/Berlin"), ("Europe/Berln", "Europe/Berlin"), ("utc+x", "")]
    {
        match Cron::read("@daily", zone) {
            Err(BadCron::Zone { near: found, .. }) => {
                assert!(near.is_empty() || found.as_deref() == Some(near), "{zone}: {found:?}");
            }
            other => panic!("{zone}: {other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics_and_moments_only_go_forward(
        text in "([0-9]{1,2}|[*][/][0-9]|[0-9LW#,*/?+-]{1,4}|[A-Za-z]{3}| ){5,11}|\\PC{0,12}",
        zone in prop_oneof![Just("UTC"), Just("Europe/Berlin"), Just("America/Sao_Paulo"), Just("Australia/Lord_Howe")],
        from in 0_i64..4_000_000_000,
    ) {
        if let Ok(cron) = Cron::read(&text, zone) {
            let mut moment = Moment(from);
            for _ in 0..3 {
                let next = cron.next_after(moment).expect("what comes once comes again");
                prop_assert!(next > moment, "{} {:?} {:?}", text, moment, next);
                moment = next;
            }
        }
    }

    #[test]
    fn what_cron_can_say_is_read(
        (minute, hour, day) in (0..60, 0..24, 1..29),
        (month, week) in (prop_oneof![Just("*"), Just("JAN,jul"), Just("2-4"), Just("*/3")], prop_oneof![Just("*"), Just("1-5"), Just("sun"), Just("FRI#L")]),
        from in 0_i64..4_000_000_000,
    ) {
        let cron = Cron::read(&format!("{minute} {hour} {day} {month} {week}"), "Europe/Berlin").unwrap();
        let next = cron.next_after(Moment(from)).unwrap();
        prop_assert!(next > Moment(from));
    }
}
