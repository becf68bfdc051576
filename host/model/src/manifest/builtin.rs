//! Reads `builtin = { … }`: what a step does without a component.

use crate::builtin::{Builtin, references};
use crate::code::Code;
use crate::iso8601::IsoDuration;
use crate::manifest::read::{Reader, Table};
use crate::manifest::words;

/// Longest wait, in months: a year.
const MOST_MONTHS: u32 = 12;
/// Longest wait without months, in milliseconds: a year.
const MOST_MS: u64 = crate::limits::MAX_SLEEP_MS;

/// What the step does; `None` where it has a component, or what it says cannot be used.
pub(super) fn read(reader: &mut Reader, table: &Table<'_>) -> Option<Builtin> {
    let written = reader.field(table, "builtin")?;
    for other in ["component", "handler"] {
        if let Some(field) = reader.field(table, other) {
            let detail = format!("a step with `builtin` calls no component; take `{other}` away");
            reader.problem(Code::ManifestConflictingFields, &field.place, detail);
        }
    }
    let table = reader.table(table, "builtin")?;
    let before = reader.problems.problems.len();
    reader.only(&table, words::BUILTIN);
    if reader.problems.problems.len() > before {
        return None;
    }
    let said: Vec<&str> = words::BUILTIN
        .iter()
        .copied()
        .filter(|name| reader.field(&table, name).is_some())
        .collect();
    let [said] = said[..] else {
        let detail = "`builtin` says one thing: `{ wait = \"PT2S\" }`, `{ set = { … } }`, `{ inject = { … } }` or \
                      `{ http = { url = … } }`";
        reader.problem(Code::ManifestConflictingFields, &written.place, detail);
        return None;
    };
    match said {
        "wait" => wait(reader, &table),
        "inject" => reader.value(&table, "inject").map(Builtin::Inject),
        "http" => super::http::read(reader, &table).map(Builtin::Http),
        _ => set(reader, &table),
    }
}

fn wait(reader: &mut Reader, table: &Table<'_>) -> Option<Builtin> {
    let text = reader.text(table, "wait")?;
    let place = reader.field(table, "wait").map(|field| field.place).unwrap_or_default();
    let read: Result<IsoDuration, _> = text.parse();
    match read {
        Ok(wait) if wait.months > MOST_MONTHS || wait.ms > MOST_MS => {
            let detail = format!("`{wait}` is too long; a year is the most");
            reader.problem(Code::ManifestOutOfRange, &place, detail);
            None
        }
        Ok(wait) => Some(Builtin::Wait(wait)),
        Err(why) => {
            reader.problem(Code::ManifestWrongType, &place, why.to_string());
            None
        }
    }
}

fn set(reader: &mut Reader, table: &Table<'_>) -> Option<Builtin> {
    let template = reader.value(table, "set")?;
    let place = reader.field(table, "set").map(|field| field.place).unwrap_or_default();
    match references(&template) {
        Ok(_) => Some(Builtin::Set(template)),
        Err(why) => {
            reader.problem(Code::ManifestBadText, &place, why.to_string());
            None
        }
    }
}
