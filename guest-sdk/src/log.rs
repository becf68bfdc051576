//! The attempt's log: `trace!`, `debug!`, `info!`, `warn!` and `error!`, with or without fields.
//!
//! ```
//! stepcell_guest::info!("parsed {} packages", 12);
//! stepcell_guest::warn!(package = "serde", versions = ["1.0.1", "1.0.2"], "duplicate");
//! ```
//!
//! The host keeps 64 KiB and 1,000 records of an attempt.

use std::fmt::Arguments;

use serde::Serialize;

pub use crate::bindings::stepcell::handler::log::Level;
use crate::host;

/// Writes one record without fields.
pub fn write(level: Level, message: Arguments<'_>) {
    host::write(level, &message.to_string(), None);
}

/// Writes one record with fields, which are written as a JSON object in the order given.
pub fn write_with(level: Level, message: Arguments<'_>, fields: &[(&str, String)]) {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    host::write(level, &message.to_string(), Some(&format!("{{{}}}", fields.join(","))));
}

/// The value of a field as JSON; what cannot be written as JSON is null.
#[doc(hidden)]
pub fn value(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident; $($name:ident = $value:expr,)+ $message:literal $(, $($rest:tt)*)?) => {
        $crate::log::write_with(
            $crate::log::Level::$level,
            ::core::format_args!($message $(, $($rest)*)?),
            &[$((::core::stringify!($name), $crate::log::value(&$value)),)+],
        )
    };
    ($level:ident; $($message:tt)+) => {
        $crate::log::write($crate::log::Level::$level, ::core::format_args!($($message)+))
    };
}

/// Logs the finest detail.
#[macro_export]
macro_rules! trace {
    ($($all:tt)+) => { $crate::__log!(Trace; $($all)+) };
}

/// Logs detail for the author of the handler.
#[macro_export]
macro_rules! debug {
    ($($all:tt)+) => { $crate::__log!(Debug; $($all)+) };
}

/// Logs what happened.
#[macro_export]
macro_rules! info {
    ($($all:tt)+) => { $crate::__log!(Info; $($all)+) };
}

/// Logs that something is off.
#[macro_export]
macro_rules! warn {
    ($($all:tt)+) => { $crate::__log!(Warn; $($all)+) };
}

/// Logs that something failed.
#[macro_export]
macro_rules! error {
    ($($all:tt)+) => { $crate::__log!(Error; $($all)+) };
}
