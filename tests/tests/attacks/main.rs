//! What hostile guests, requests and texts can do to a running host.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod connections;
mod fuzz;
mod gate;
mod guests;
mod page;
mod prey;
mod requests;
