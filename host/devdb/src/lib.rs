//! A private Postgres for `dev`, `demo` and the tests: started by whoever needs it first, shared by all who name the
//! same folder, gone when the last of them is.
//!
//! Nothing listens on TCP: the socket lies in a folder that only the server's user (and root) can enter. Every process
//! that uses a folder holds a shared lock on a file in it; a small keeper process waits until nobody does and then
//! stops the server. A lock ends with its process, so this also holds after `kill -9`.

mod admin;
mod binaries;
mod cluster;
mod error;
mod folder;
mod init;
mod keeper;
mod lock;
mod server;
mod testing;
mod user;

pub use cluster::{Cluster, Durability, Halt, Options};
pub use error::Error;
pub use testing::{TestDatabase, for_tests};
