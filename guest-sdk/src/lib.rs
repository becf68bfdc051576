//! Write Stepcell handlers in Rust: a function from one serde type to another, and a line that names it.
//!
//! ```
//! use stepcell_guest::Error;
//!
//! #[derive(serde::Deserialize)]
//! struct Greeting {
//!     name: String,
//! }
//!
//! fn hello(input: Greeting) -> Result<String, Error> {
//!     if input.name.is_empty() {
//!         return Err(Error::validation("`name` is empty"));
//!     }
//!     Ok(format!("hello {}", input.name))
//! }
//!
//! stepcell_guest::handlers! { hello }
//! # fn main() {}
//! ```
//!
//! # What a handler is given
//!
//! | the step | the function's input type |
//! |---|---|
//! | a root step | the flow's input |
//! | a step with `needs` | a struct (or map) with one field for each step it needs; a skipped one is absent: `Option` |
//! | a map step | one element |
//!
//! A function may take the [`Context`] as well or alone: `fn(Context, Input)`, `fn(Context)`; or nothing: `fn()`.
//!
//! # How it ends
//!
//! `Ok` is the step's output, any JSON value. `Err` is an [`Error`] that says what kind it is and whether another try
//! makes sense; `?` turns every `std::error::Error` into one. A panic ends the attempt as `trap`: its message and place
//! are in the attempt's log, because nothing can be returned any more; it is tried again like any failure.
//!
//! Each attempt is a fresh instance: statics, caches and open files do not survive it.
//!
//! # Durable handlers
//!
//! A handler in [`durable!`] answers an [`Outcome`]: done, on at another phase, asleep, waiting for signals or for child
//! runs. Whatever it waits for, nothing is held meanwhile, and the state it kept survives every crash.
//!
//! A [`Chain`] is functions one after another in one durable task, each kept before the next one begins.
//!
//! # Beyond computing
//!
//! [`fetch`] sends requests, [`key_value`] keeps values that outlive the run, [`secrets`] has the host put secrets into
//! requests. Each must be granted to the step; a component asks for what it calls and for nothing else.
//!
//! [`system`] has the time and random bytes, which need no grant.
//!
//! A handler that is built for `wasm32-wasip2` has `std::fs` in `/scratch`, a folder that is empty at first and gone with the
//! attempt, where its step is granted `scratch`. A write that does not fit fails as an I/O error.
//!
//! # The heap
//!
//! A component gets a global allocator whose first 128 KiB are part of the module. Turn off the feature `heap` to bring
//! another one.

pub mod fetch;
pub mod key_value;
pub mod log;
pub mod secrets;
pub mod system;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

mod chain;
mod context;
mod dispatch;
mod dispatch_durable;
mod durable;
mod error;
mod handler;
#[cfg(all(target_arch = "wasm32", feature = "heap"))]
mod heap;
mod host;
mod input;
mod outcome;

#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package stepcell:guest;

            /// A handler that also says which handlers it carries.
            world component {
                include stepcell:handler/handler@0.1.0;
                export describe: func() -> string;
            }
        ",
        world: "stepcell:guest/component",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export",
        default_bindings_module: "stepcell_guest::bindings",
        runtime_path: "wit_bindgen::rt",
    });
}

#[doc(hidden)]
pub mod durable_bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package stepcell:guest;

            /// A durable handler that also says which handlers it carries.
            world durable-component {
                include stepcell:handler/durable@0.1.0;
                export describe: func() -> string;
            }
        ",
        world: "stepcell:guest/durable-component",
        with: {
            "stepcell:handler/types@0.1.0": crate::bindings::stepcell::handler::types,
            "stepcell:handler/context@0.1.0": crate::bindings::stepcell::handler::context,
            "stepcell:handler/log@0.1.0": crate::bindings::stepcell::handler::log,
            "stepcell:handler/system@0.1.0": crate::bindings::stepcell::handler::system,
            "stepcell:handler/fetch@0.1.0": crate::bindings::stepcell::handler::fetch,
            "stepcell:handler/key-value@0.1.0": crate::bindings::stepcell::handler::key_value,
            "stepcell:handler/secrets@0.1.0": crate::bindings::stepcell::handler::secrets,
        },
        pub_export_macro: true,
        export_macro_name: "export_durable",
        default_bindings_module: "stepcell_guest::durable_bindings",
        runtime_path: "wit_bindgen::rt",
    });
}

#[doc(hidden)]
#[expect(clippy::too_many_arguments, reason = "generated")]
pub mod recovering_bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package stepcell:guest;

            /// A durable handler that decides what follows from its failures.
            world recovering-component {
                import stepcell:handler/context@0.1.0;
                import stepcell:handler/log@0.1.0;
                import stepcell:handler/fetch@0.1.0;
                import stepcell:handler/key-value@0.1.0;
                import stepcell:handler/secrets@0.1.0;
                use stepcell:handler/types@0.1.0.{input, outcome, handler-error, failure};
                export handle: func(input: input) -> result<outcome, handler-error>;
                export on-error:
                    func(input: input, failure: failure) -> result<option<outcome>, handler-error>;
                export describe: func() -> string;
            }
        ",
        world: "stepcell:guest/recovering-component",
        with: {
            "stepcell:handler/types@0.1.0": crate::bindings::stepcell::handler::types,
            "stepcell:handler/context@0.1.0": crate::bindings::stepcell::handler::context,
            "stepcell:handler/log@0.1.0": crate::bindings::stepcell::handler::log,
            "stepcell:handler/fetch@0.1.0": crate::bindings::stepcell::handler::fetch,
            "stepcell:handler/key-value@0.1.0": crate::bindings::stepcell::handler::key_value,
            "stepcell:handler/secrets@0.1.0": crate::bindings::stepcell::handler::secrets,
        },
        pub_export_macro: true,
        export_macro_name: "export_recovering",
        default_bindings_module: "stepcell_guest::recovering_bindings",
        runtime_path: "wit_bindgen::rt",
    });
}

#[doc(hidden)]
#[expect(clippy::too_many_arguments, reason = "generated")]
pub mod compensating_bindings {
    wit_bindgen::generate!({
        path: "wit",
        inline: "
            package stepcell:guest;

            /// A durable handler that can undo what it did.
            world compensating-component {
                import stepcell:handler/context@0.1.0;
                import stepcell:handler/log@0.1.0;
                import stepcell:handler/fetch@0.1.0;
                import stepcell:handler/key-value@0.1.0;
                import stepcell:handler/secrets@0.1.0;
                use stepcell:handler/types@0.1.0.{json, input, outcome, handler-error, failure};
                export handle: func(input: input) -> result<outcome, handler-error>;
                export on-error:
                    func(input: input, failure: failure) -> result<option<outcome>, handler-error>;
                export compensate: func(input: input, output: json) -> result<_, handler-error>;
                export describe: func() -> string;
            }
        ",
        world: "stepcell:guest/compensating-component",
        with: {
            "stepcell:handler/types@0.1.0": crate::bindings::stepcell::handler::types,
            "stepcell:handler/context@0.1.0": crate::bindings::stepcell::handler::context,
            "stepcell:handler/log@0.1.0": crate::bindings::stepcell::handler::log,
            "stepcell:handler/fetch@0.1.0": crate::bindings::stepcell::handler::fetch,
            "stepcell:handler/key-value@0.1.0": crate::bindings::stepcell::handler::key_value,
            "stepcell:handler/secrets@0.1.0": crate::bindings::stepcell::handler::secrets,
        },
        pub_export_macro: true,
        export_macro_name: "export_compensating",
        default_bindings_module: "stepcell_guest::compensating_bindings",
        runtime_path: "wit_bindgen::rt",
    });
}

#[doc(hidden)]
pub use bindings::stepcell::handler::types::Outcome as WireOutcome;
#[doc(hidden)]
pub use dispatch::{Entry, check_names, describe, dispatch};
#[doc(hidden)]
pub use dispatch_durable::{
    Undo, describe_compensating, dispatch_compensate, dispatch_durable, dispatch_on_error, leave,
    undo,
};
#[doc(hidden)]
pub use handler::write;

pub use bindings::stepcell::handler::types::{Failure, Task};
pub use chain::Chain;
pub use context::Context;
pub use durable::{EndedChild, Signal};
pub use error::{Error, ErrorKind};
pub use handler::Handler;
pub use outcome::{Child, Outcome};
