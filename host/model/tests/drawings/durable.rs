//! What the outcomes of durable handlers change.

use model::Counting;

use crate::player::{assert_drawing, play};

#[test]
fn a_task_goes_on_from_phase_to_phase_and_attempts_are_counted_anew() {
    let drawn = play(
        "a, b <- a",
        "{}",
        Counting::Here,
        "a#0 next
         a#0@1 sleep 20
         a#0@2 await
         a#0@3 await 500
         a#0@4 spawn 2
         a#0@5 spawn 0
         a#0@6 retry
         a#0@6 retry (attempt 2)",
    );
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 next
            a#0 attempt 1 next, at 1 `p` in 0 ms
        a#0@1 sleep 20
            a#0 attempt 1 sleep, at 2 `p` in 20 ms
        a#0@2 await
            a#0 attempt 1 await_signals, at 3 `p` when woken
        a#0@3 await 500
            a#0 attempt 1 await_signals, at 4 `p` in 500 ms
        a#0@4 spawn 2
            a#0 attempt 1 spawn, at 5 `p` when woken
        a#0@5 spawn 0
            a#0 attempt 1 spawn, at 6 `p` in 0 ms
        a#0@6 retry
            a#0 attempt 1 retry, at 6 `p` in 1000 ms
        a#0@6 retry (attempt 2)
            a#0 attempt 2 handler_error.execution, no more attempts
            a failed
            b skipped: dependency_failed
            run failed: a",
    );
}

#[test]
fn a_handler_can_skip_its_step_and_no_task_has_more_phases_than_the_limit() {
    let drawn = play("a, b <- a", "{}", Counting::Here, "a#0 skips\nb#0@998 next\nb#0@999 next");
    assert_drawing(
        &drawn,
        "start
            run started
            a started (1)
        a#0 skips
            a skipped: handler
            b started (1)
        b#0@998 next
            b#0 attempt 1 next, at 999 `p` in 0 ms
        b#0@999 next
            b#0 attempt 1 too_many_phases, no more attempts
            b failed
            run failed: b",
    );
}
