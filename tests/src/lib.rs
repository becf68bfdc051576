//! What tests stand on: a host in this process over a database of its own, and the guests it runs.

pub mod client;
pub mod guests;
pub mod host;
pub mod process;
pub mod remote;
