//! The rule, drawn: a flow, what its attempts end in, and what happens.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod durable;
mod player;

use std::sync::Arc;
use std::time::Duration;

use model::{Change, Counting, Failure, FailureKind, Json, Recorded, RunState, StepIndex, TaskKey};

use player::{assert_drawing, closed, plan, play, task};

const DIAMOND: &str = "a, b <- a, c <- a, d <- b c";

#[test]
fn a_condition_that_does_not_hold_skips_and_what_depends_on_it_goes_on() {
    let drawn = play(
        "a, b=1 <- a, c=2 <- a, d <- b c",
        "{}",
        Counting::Here,
        "a#0 completes 1
         b#0 completes 5
         d#0 completes 6",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 completes 1
            a#0 completed
            a completed
            b started (1)
            c skipped: condition_unmet
            d +1 of 2
        b#0 completes 5
            b#0 completed
            b completed
            d +1 of 2
            d started (1)
        d#0 completes 6
            d#0 completed
            d completed
            run completed",
    );
}

#[test]
fn attempts_that_are_exhausted_skip_as_the_policy_says() {
    let drawn = play(
        "a?, b!, *m <- a, c <- b, d <- m c",
        "{}",
        Counting::Here,
        "a#0 fails (attempt 2)
         b#0 fails (attempt 2)",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
            b started (1)
        a#0 fails (attempt 2)
            a#0 attempt 2 trap, no more attempts
            a skipped: handler_failed
            m started (0)
            m completed
            d +1 of 2
        b#0 fails (attempt 2)
            b#0 attempt 2 trap, no more attempts
            b skipped: handler_failed
            c skipped: dependency_skipped
            d +1 of 2
            d skipped: dependency_skipped
            run completed",
    );
}

#[test]
fn a_diamond_joins_when_both_sides_ended() {
    let drawn = play(
        DIAMOND,
        "{}",
        Counting::Here,
        "a#0 completes 1
         c#0 completes 3
         b#0 completes 2
         d#0 completes 4",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 completes 1
            a#0 completed
            a completed
            b started (1)
            c started (1)
        c#0 completes 3
            c#0 completed
            c completed
            d +1 of 2
        b#0 completes 2
            b#0 completed
            b completed
            d +1 of 2
            d started (1)
        d#0 completes 4
            d#0 completed
            d completed
            run completed",
    );
}

#[test]
fn where_branches_have_different_owners_the_store_counts() {
    let drawn = play(
        DIAMOND,
        "{}",
        Counting::Store,
        "a#0 completes 1
         b#0 completes 2
         c#0 completes 3",
    );
    assert!(drawn.contains("d +1 of 2"), "{drawn}");
    assert!(!drawn.contains("d started"), "{drawn}");
}

#[test]
fn a_step_that_exhausts_its_attempts_fails_the_run_and_skips_what_needs_it() {
    let drawn = play(
        DIAMOND,
        "{}",
        Counting::Here,
        "a#0 completes 1
         b#0 fails (attempt 1)
         b#0 fails (attempt 2)
         c#0 completes 3",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 completes 1
            a#0 completed
            a completed
            b started (1)
            c started (1)
        b#0 fails (attempt 1)
            b#0 attempt 1 trap, again in 1000 ms
        b#0 fails (attempt 2)
            b#0 attempt 2 trap, no more attempts
            b failed
            c cancelled
            d skipped: dependency_failed
            run failed: b
        c#0 completes 3",
    );
}

#[test]
fn a_map_step_completes_with_its_last_task_in_index_order() {
    let plan = plan("*m, s <- m");
    let mut state = RunState::new(Arc::clone(&plan), Json::trusted("[10, 20 ,30]"), Counting::Here);
    state.start();
    for event in ["m#2 completes \"c\"", "m#0 completes null", "m#1 completes 0"] {
        state.advance(closed(&plan, event));
    }
    assert_eq!(state.output(StepIndex(0)).unwrap().as_str(), "[null,0,\"c\"]");
    let element = state.input_of(TaskKey { step: StepIndex(0), index: 1 }).unwrap();
    assert_eq!(element, model::Input::Element(Json::trusted("20")));
}

#[test]
fn an_empty_map_completes_at_once_and_so_does_a_chain_of_them() {
    let drawn = play("a, *m <- a, *n <- m, s <- n", "{}", Counting::Here, "a#0 completes []");
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 completes []
            a#0 completed
            a completed
            m started (0)
            m completed
            n started (0)
            n completed
            s started (1)",
    );
}

#[test]
fn a_map_over_what_is_not_an_array_fails_the_run_and_names_both_steps() {
    let drawn = play("a, *m <- a", "{}", Counting::Here, "a#0 completes {\"x\":1}");
    assert!(drawn.contains("m failed"), "{drawn}");
    let plan = plan("a, *m <- a");
    let mut state = RunState::new(Arc::clone(&plan), Json::trusted("{}"), Counting::Here);
    state.start();
    let changes = state.advance(closed(&plan, "a#0 completes {\"x\":1}"));
    let Some(Change::RunFailed { failure, .. }) = changes.last() else { panic!("{changes:?}") };
    assert!(failure.message.contains("`m`") && failure.message.contains("`a`"), "{failure}");
    assert!(failure.message.contains("object"), "{failure}");
}

#[test]
fn one_exhausted_map_task_decides_the_step() {
    let drawn = play("*m, s <- m", "[1,2]", Counting::Here, "m#1 fails (attempt 2)");
    assert_drawing(
        &drawn,
        "start
            run started
            m started (2)
        m#1 fails (attempt 2)
            m#1 attempt 2 trap, no more attempts
            m failed
            s skipped: dependency_failed
            run failed: m",
    );
}

#[test]
fn losing_the_worker_has_a_limit_of_its_own() {
    let drawn = play(
        "a",
        "{}",
        Counting::Here,
        "a#0 is lost 1 times\na#0 is lost 2 times\na#0 is lost 3 times",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 is lost 1 times
            a#0 attempt 1 worker_lost, again in 0 ms
        a#0 is lost 2 times
            a#0 attempt 2 worker_lost, again in 0 ms
        a#0 is lost 3 times
            a#0 attempt 3 worker_lost, no more attempts
            a failed
            run failed: a",
    );
}

#[test]
fn a_cancelled_run_changes_no_more() {
    let drawn = play(
        DIAMOND,
        "{}",
        Counting::Here,
        "a#0 completes 1\ncancelled\nb#0 completes 2\ncancelled",
    );
    assert!(drawn.ends_with("b#0 completes 2\ncancelled\n"), "{drawn}");
    assert!(drawn.contains("run cancelled"), "{drawn}");
}

#[test]
fn two_leaves_meet_at_the_run() {
    let drawn = play("a, b", "{}", Counting::Here, "b#0 completes 1\na#0 completes 2");
    assert!(drawn.contains("run +1 of 2"), "{drawn}");
    assert!(drawn.ends_with("run completed\n"), "{drawn}");
}

#[test]
fn a_replay_ends_where_the_live_run_did() {
    let plan = plan("a, *m <- a, s <- m");
    let history =
        [("a#0", Some("[1,2]")), ("m#1", None), ("m#0", Some("true")), ("s#0", Some("3"))];
    let recorded = history.iter().map(|(key, output)| {
        let task = task(&plan, key);
        let output = output.map(Json::trusted);
        Recorded::Completed { task, attempt: 1, output }
    });
    // The answer of a map task was not loaded, nor was it needed.
    let replay =
        RunState::replay(Arc::clone(&plan), Json::trusted("{}"), &[], recorded.collect::<Vec<_>>());
    assert_eq!(replay.changes.last().unwrap(), &(4, Change::RunCompleted));
}

#[test]
fn a_recorded_wait_is_replayed_as_it_was() {
    let plan = plan("a");
    let failure = Failure::new(FailureKind::Timeout, "task timed out after 100ms");
    let task = TaskKey { step: StepIndex(0), index: 0 };
    let retry_in = Duration::from_millis(777);
    let recorded =
        [Recorded::AttemptFailed { task, attempt: 1, failure: failure.clone(), retry_in }];
    let replay = RunState::replay(plan, Json::trusted("{}"), &[], recorded);
    let expected = Change::AttemptFailed { task, attempt: 1, failure, retry_in: Some(retry_in) };
    assert_eq!(replay.changes.last().unwrap(), &(1, expected));
}
