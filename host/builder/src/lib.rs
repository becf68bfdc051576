//! Turns the folder of a handler crate into a component.
//!
//! Cargo compiles the crate for `wasm32-unknown-unknown`, which links nothing of WASI, so the component asks for
//! exactly what `wit/` says; the core module is completed to a component in this process.

mod build;
mod compile;
mod encode;
mod environment;
mod error;
mod flags;
mod folder;
mod install;
mod progress;
mod toolchain;

pub use build::{Builder, Built};
pub use encode::encode_core_module;
pub use error::Error;
pub use install::{Install, ensure_toolchain};
pub use progress::{Note, Progress};
pub use toolchain::Toolchain;
