//! Version 2 of the hot-swap example: every step adds its version to what the run answers.

use serde::{Deserialize, Serialize};
use stepcell_guest::Error;

const VERSION: &str = "v2";

/// What the run is started with.
#[derive(Deserialize)]
struct Order {
    order: u64,
}

/// What goes from step to step: the order, and the version that ran each step so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Trail {
    order: u64,
    versions: Vec<String>,
}

#[derive(Deserialize)]
struct AfterFirst {
    first: Trail,
}

#[derive(Deserialize)]
struct AfterSecond {
    second: Trail,
}

fn first(input: Order) -> Result<Trail, Error> {
    Ok(signed(Trail { order: input.order, versions: Vec::new() }))
}

fn second(input: AfterFirst) -> Result<Trail, Error> {
    Ok(signed(input.first))
}

fn third(input: AfterSecond) -> Result<Trail, Error> {
    Ok(signed(input.second))
}

fn signed(mut trail: Trail) -> Trail {
    trail.versions.push(VERSION.to_owned());
    trail
}

stepcell_guest::handlers! { first, second, third }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_signs_with_this_version() {
        let trail = first(Order { order: 7 }).unwrap();
        let trail = second(AfterFirst { first: trail }).unwrap();
        let trail = third(AfterSecond { second: trail }).unwrap();
        assert_eq!(trail, Trail { order: 7, versions: vec!["v2".to_owned(); 3] });
    }
}
