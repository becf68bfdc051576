//! Durable handlers as a component: the macro, and what its exports call.

use serde::de::DeserializeOwned;

use crate::bindings::stepcell::handler::types::{
    Failure, HandlerError, Input, Outcome as WireOutcome,
};
use crate::context::Context;
use crate::dispatch::{Entry, call, describe, log_panics};
use crate::error::Error;
use crate::host;
use crate::outcome::Outcome;

/// Makes the named functions the durable handlers of this component: each answers an [`Outcome`](crate::Outcome). Once
/// in a crate, in place of [`handlers!`](crate::handlers), which says how they are named.
///
/// With `on_error = function;` in front, that function (`fn(Context, Failure) -> Result<Option<Outcome>, Error>`)
/// decides what follows when an attempt of any of them failed; `None` leaves the failure as it is. With
/// `compensate = { handler => function };` in front, that function (`fn(Context, Input, Output) -> Result<(), Error>`)
/// undoes what a task of the handler did, once the run has failed for good or was cancelled. With `flow = "...";` before all
/// of them, the component carries that flow, as [`handlers!`](crate::handlers) says.
///
/// ```
/// use std::time::Duration;
/// use stepcell_guest::{Context, Error, Outcome};
///
/// fn approve(context: Context, order: u64) -> Result<Outcome, Error> {
///     match context.phase().as_str() {
///         "" => Ok(Outcome::await_signals(["approved", "rejected"], "decided", &order)
///             .timeout(Duration::from_secs(3_600))),
///         _ => match context.awaited().first() {
///             Some(signal) => Ok(Outcome::complete(&(order, signal.name()))),
///             None => Ok(Outcome::skip("nobody decided in time")),
///         },
///     }
/// }
///
/// stepcell_guest::durable! { approve }
/// # fn main() {}
/// ```
///
/// With everything that may stand in front:
///
/// ```
/// # use stepcell_guest::{Context, Error, Failure, Outcome};
/// fn book(seat: String) -> Result<Outcome, Error> {
///     Ok(Outcome::complete(&seat))
/// }
/// fn leave(_: Context, _: Failure) -> Result<Option<Outcome>, Error> {
///     Ok(None)
/// }
/// fn unbook(_: Context, seat: String, _: String) -> Result<(), Error> {
///     stepcell_guest::info!(seat = seat, "is free again");
///     Ok(())
/// }
///
/// stepcell_guest::durable! {
///     flow = r#"{"flow": "seats", "step": [{"name": "book"}]}"#;
///     on_error = leave;
///     compensate = { book => unbook };
///     book
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! durable {
    (@entries $flow:tt $on_error:tt [$($done:tt)*] $name:literal => $function:path $(, $($rest:tt)*)?) => {
        $crate::durable!(@entries $flow $on_error [
            $($done)*
            $crate::Entry { name: $name, call: |input| $crate::Handler::run(&$function, input) },
        ] $($($rest)*)?);
    };
    (@entries $flow:tt $on_error:tt [$($done:tt)*] $function:ident $(, $($rest:tt)*)?) => {
        $crate::durable!(@entries $flow $on_error [
            $($done)*
            $crate::Entry {
                name: ::core::stringify!($function),
                call: |input| $crate::Handler::run(&$function, input),
            },
        ] $($($rest)*)?);
    };
    (@entries [$($flow:expr)?] [] [$($done:tt)*]) => {
        const _: () = {
            static ENTRIES: &[$crate::Entry<$crate::Outcome>] = &[$($done)*];
            // Bad names stop the build.
            const NAMES: () = $crate::check_names::<$crate::Outcome>(&[$($done)*]);

            struct Component;

            impl $crate::durable_bindings::Guest for Component {
                fn handle(
                    input: $crate::bindings::Input,
                ) -> ::core::result::Result<$crate::WireOutcome, $crate::bindings::HandlerError> {
                    let () = NAMES;
                    $crate::dispatch_durable(ENTRIES, &input)
                }

                fn describe() -> ::std::string::String {
                    $crate::describe(ENTRIES, &[$($flow)?])
                }
            }

            $crate::durable_bindings::export_durable!(Component with_types_in $crate::durable_bindings);
        };
    };
    (@entries [$($flow:expr)?] [$on_error:path] [$($done:tt)*]) => {
        const _: () = {
            static ENTRIES: &[$crate::Entry<$crate::Outcome>] = &[$($done)*];
            // Bad names stop the build.
            const NAMES: () = $crate::check_names::<$crate::Outcome>(&[$($done)*]);

            struct Component;

            impl $crate::recovering_bindings::Guest for Component {
                fn handle(
                    input: $crate::bindings::Input,
                ) -> ::core::result::Result<$crate::WireOutcome, $crate::bindings::HandlerError> {
                    let () = NAMES;
                    $crate::dispatch_durable(ENTRIES, &input)
                }

                fn on_error(
                    _input: $crate::bindings::Input,
                    failure: $crate::Failure,
                ) -> ::core::result::Result<
                    ::core::option::Option<$crate::WireOutcome>,
                    $crate::bindings::HandlerError,
                > {
                    $crate::dispatch_on_error($on_error, failure)
                }

                fn describe() -> ::std::string::String {
                    $crate::describe(ENTRIES, &[$($flow)?])
                }
            }

            $crate::recovering_bindings::export_recovering!(
                Component with_types_in $crate::recovering_bindings
            );
        };
    };
    (@undo [$($flow:expr)?] $on_error:path, [$($done:tt)*] [$($undo:tt)*]) => {
        const _: () = {
            static ENTRIES: &[$crate::Entry<$crate::Outcome>] = &[$($done)*];
            static UNDO: &[$crate::Undo] = &[$($undo)*];
            // Bad names stop the build.
            const NAMES: () = $crate::check_names::<$crate::Outcome>(&[$($done)*]);

            struct Component;

            impl $crate::compensating_bindings::Guest for Component {
                fn handle(
                    input: $crate::bindings::Input,
                ) -> ::core::result::Result<$crate::WireOutcome, $crate::bindings::HandlerError> {
                    let () = NAMES;
                    $crate::dispatch_durable(ENTRIES, &input)
                }

                fn on_error(
                    _input: $crate::bindings::Input,
                    failure: $crate::Failure,
                ) -> ::core::result::Result<
                    ::core::option::Option<$crate::WireOutcome>,
                    $crate::bindings::HandlerError,
                > {
                    $crate::dispatch_on_error($on_error, failure)
                }

                fn compensate(
                    input: $crate::bindings::Input,
                    output: ::std::string::String,
                ) -> ::core::result::Result<(), $crate::bindings::HandlerError> {
                    $crate::dispatch_compensate(UNDO, &input, &output)
                }

                fn describe() -> ::std::string::String {
                    $crate::describe_compensating(ENTRIES, UNDO, &[$($flow)?])
                }
            }

            $crate::compensating_bindings::export_compensating!(
                Component with_types_in $crate::compensating_bindings
            );
        };
    };
    (@entries $flow:tt [undo $on_error:path, $undo:tt] [$($done:tt)*]) => {
        $crate::durable!(@undo $flow $on_error, [$($done)*] $undo);
    };
    (
        $(flow = $flow:expr;)?
        $(on_error = $on_error:path;)?
        compensate = { $($name:ident => $undo:path),+ $(,)? };
        $($handlers:tt)+
    ) => {
        $crate::durable!(@compensating [$($flow)?] [$($on_error)?] [$(
            $crate::Undo {
                name: ::core::stringify!($name),
                call: |input, output| $crate::undo(&$undo, input, output),
            },
        )+] $($handlers)+);
    };
    (@compensating $flow:tt [] $undo:tt $($handlers:tt)+) => {
        $crate::durable!(@entries $flow [undo $crate::leave, $undo] [] $($handlers)+);
    };
    (@compensating $flow:tt [$on_error:path] $undo:tt $($handlers:tt)+) => {
        $crate::durable!(@entries $flow [undo $on_error, $undo] [] $($handlers)+);
    };
    ($(flow = $flow:expr;)? on_error = $on_error:path; $($handlers:tt)+) => {
        $crate::durable!(@entries [$($flow)?] [$on_error] [] $($handlers)+);
    };
    (flow = $flow:expr; $($handlers:tt)+) => {
        $crate::durable!(@entries [$flow] [] [] $($handlers)+);
    };
    ($($handlers:tt)+) => { $crate::durable!(@entries [] [] [] $($handlers)+); };
}

/// Calls the durable handler the task names.
#[doc(hidden)]
pub fn dispatch_durable(
    entries: &[Entry<Outcome>],
    input: &Input,
) -> Result<WireOutcome, HandlerError> {
    call(entries, input).and_then(Outcome::into_wire).map_err(Error::into_wire)
}

/// Calls what the component has for failed attempts.
#[doc(hidden)]
pub fn dispatch_on_error(
    on_error: fn(Context, Failure) -> Result<Option<Outcome>, Error>,
    failure: Failure,
) -> Result<Option<WireOutcome>, HandlerError> {
    log_panics();
    let decided = on_error(Context(()), failure).map_err(Error::into_wire)?;
    decided.map(Outcome::into_wire).transpose().map_err(Error::into_wire)
}

/// A handler's name and what undoes what it did.
#[doc(hidden)]
pub struct Undo {
    /// The handler.
    pub name: &'static str,
    /// Reads and calls.
    pub call: fn(&Input, &str) -> Result<(), Error>,
}

/// Reads what a task was given and what it answered, and has it undone.
#[doc(hidden)]
pub fn undo<I: DeserializeOwned, O: DeserializeOwned>(
    function: &impl Fn(Context, I, O) -> Result<(), Error>,
    input: &Input,
    output: &str,
) -> Result<(), Error> {
    let output = serde_json::from_str(output).map_err(|error| {
        Error::validation(format!("the task's output does not fit its compensation: {error}"))
    })?;
    function(Context(()), crate::input::read(input)?, output)
}

/// Leaves every failure as it is.
#[doc(hidden)]
pub fn leave(_context: Context, _failure: Failure) -> Result<Option<Outcome>, Error> {
    Ok(None)
}

/// Undoes what the handler the task names did.
#[doc(hidden)]
pub fn dispatch_compensate(undo: &[Undo], input: &Input, output: &str) -> Result<(), HandlerError> {
    log_panics();
    let handler = host::task().handler;
    let found = match undo {
        [only] if handler.is_empty() => Some(only),
        _ => undo.iter().find(|undo| undo.name == handler),
    };
    // A handler without one has nothing to undo.
    found.map_or(Ok(()), |undo| (undo.call)(input, output)).map_err(Error::into_wire)
}

/// The names, and those of the handlers that can undo what they did.
#[doc(hidden)]
pub fn describe_compensating(entries: &[Entry<Outcome>], undo: &[Undo], flow: &[&str]) -> String {
    let names: Vec<String> = undo.iter().map(|undo| format!("\"{}\"", undo.name)).collect();
    let rest = describe(entries, flow);
    format!("{{\"compensates\":[{}],{}", names.join(","), &rest[1..])
}
