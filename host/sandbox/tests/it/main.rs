//! What guests can do to the host, and what the host does about it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod abi;
mod bench;
mod cache;
mod describe;
mod harness;
mod limits;
mod ports;
mod source;
mod stop;
mod traps;
mod upload;
mod wasi;
