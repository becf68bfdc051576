//! Turns a folder of handlers into a component.
//!
//! A crate is compiled by cargo for `wasm32-unknown-unknown`, which links nothing of WASI, so the component asks for exactly what
//! `wit/` says. Other languages are built by pinned tools from their own registries, installed once into the
//! user's cache. Core modules are completed to components in this process.

mod build;
mod c;
mod compile;
mod encode;
mod environment;
mod error;
mod flags;
mod folder;
mod go;
mod guest;
mod install;
mod javascript;
mod language;
mod progress;
mod project;
mod python;
mod runtime;
pub mod scaffold;
mod toolchain;
mod tools;
mod walk;
mod world;

pub use build::{Builder, Built};
pub use encode::encode_core_module;
pub use error::Error;
pub use install::{Install, ensure_toolchain};
pub use language::Language;
pub use progress::{Note, Progress};
pub use runtime::Runtime;
pub use toolchain::Toolchain;
