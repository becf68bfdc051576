//! `stepcell:handler/log`: the attempt's log.

use std::borrow::Cow;

use model::log::{LogLevel, LogSource};
use model::redact::redact;
use model::{Gate, Json, Limits};
use wasmtime::component::{ComponentType, Lift, Linker};

use crate::attempt::{Attempt, charge};

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/log@0.1.0";
/// What an import of it means to a person.
pub(crate) const MEANING: &str = "writes to the attempt's log";

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "values only come from guests")]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Trace => Self::Trace,
            Level::Debug => Self::Debug,
            Level::Info => Self::Info,
            Level::Warn => Self::Warn,
            Level::Error => Self::Error,
        }
    }
}

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    linker.instance(NAME)?.func_wrap(
        "write",
        |mut store, (level, message, fields): (Level, String, Option<String>)| {
            let bytes = message.len() + fields.as_ref().map_or(0, String::len);
            charge(&mut store, bytes)?;
            // What is not kept is not worth reading: checking fields takes longer than the guest pays for.
            if store.data().log.lock().is_full() {
                return Ok(());
            }
            let (fields, complaint) = checked(fields);
            let message = match complaint {
                Some(complaint) => Cow::Owned(format!("{message} ({complaint})")),
                None => Cow::Borrowed(message.as_str()),
            };
            store.data().log.lock().write(level.into(), LogSource::Log, &message, fields);
            Ok(())
        },
    )
}

fn checked(fields: Option<String>) -> (Option<Json>, Option<String>) {
    let Some(text) = fields else {
        return (None, None);
    };
    let most = usize::try_from(Limits::CEILING.log_bytes).unwrap_or(usize::MAX);
    match Gate::of_bytes(most).check(text.as_bytes()) {
        Ok(json) if json.type_name() == "object" => (Some(redact(json)), None),
        Ok(json) => {
            let found = json.type_name();
            (None, Some(format!("its fields were dropped: expected a JSON object, found {found}")))
        }
        Err(refusal) => (None, Some(format!("its fields were dropped: {refusal}"))),
    }
}
