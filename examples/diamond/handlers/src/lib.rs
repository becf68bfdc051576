//! Four handlers in one component: the steps of a diamond, one of which succeeds only at its second attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stepcell_guest::{Context, Error, info};

/// What the run is started with, and what `a` hands on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Number {
    number: i64,
}

/// What `b` and `c` are given: the output of `a`.
#[derive(Deserialize)]
struct AfterA {
    a: Number,
}

/// What `c` answers.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Square {
    value: i64,
    attempt: u32,
}

/// What `d` is given: the outputs of `b` and `c`.
#[derive(Deserialize)]
struct BothSides {
    b: i64,
    c: Square,
}

#[derive(Debug, PartialEq, Serialize)]
struct Joined {
    doubled: i64,
    squared: i64,
    sum: i64,
    attempts_of_c: u32,
}

fn start(input: Number) -> Result<Number, Error> {
    Ok(input)
}

fn double(input: AfterA) -> Result<i64, Error> {
    input.a.number.checked_mul(2).ok_or_else(too_large)
}

fn square(context: Context, input: AfterA) -> Result<Square, Error> {
    let attempt = context.attempt();
    if attempt == 1 {
        return Err(Error::dependency("the table of squares is being rebuilt")
            .retry_after(Duration::from_millis(200)));
    }
    info!(attempt = attempt, "the table of squares is there");
    let value = input.a.number.checked_mul(input.a.number).ok_or_else(too_large)?;
    Ok(Square { value, attempt })
}

fn join(input: BothSides) -> Result<Joined, Error> {
    let sum = input.b.checked_add(input.c.value).ok_or_else(too_large)?;
    Ok(Joined { doubled: input.b, squared: input.c.value, sum, attempts_of_c: input.c.attempt })
}

fn too_large() -> Error {
    Error::validation("`number` is too large")
}

stepcell_guest::handlers! { start, double, square, join }

#[cfg(test)]
mod tests {
    use stepcell_guest::testing::{self, context};

    use super::*;

    const SEVEN: Number = Number { number: 7 };

    #[test]
    fn the_square_fails_once_asks_for_another_try_and_then_succeeds() {
        let error = square(context(), AfterA { a: SEVEN }).unwrap_err();
        assert_eq!(error.asks_to_retry_after(), Some(Duration::from_millis(200)));
        testing::set_task(|task| task.attempt = 2);
        assert_eq!(
            square(context(), AfterA { a: SEVEN }).unwrap(),
            Square { value: 49, attempt: 2 }
        );
    }

    #[test]
    fn both_sides_are_joined() {
        let joined = join(BothSides { b: 14, c: Square { value: 49, attempt: 2 } }).unwrap();
        assert_eq!(joined, Joined { doubled: 14, squared: 49, sum: 63, attempts_of_c: 2 });
    }

    #[test]
    fn a_number_that_does_not_fit_is_the_callers_mistake() {
        let error = double(AfterA { a: Number { number: i64::MAX } }).unwrap_err();
        assert_eq!(error.kind(), stepcell_guest::ErrorKind::Validation);
    }
}
