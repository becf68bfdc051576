//! Reads what a step's tasks wait for before each attempt: `concurrency`, `rate_limit`, and the flow's `[[rate_limit]]`.

use super::problem::{Place, Problem, Problems, shown};
use super::read::{Reader, Table};
use super::{Manifest, words};
use crate::admission::{Concurrency, RateLimit, RateUse};
use crate::builtin::references;
use crate::code::Code;
use crate::json::Json;
use crate::limits::{MAX_CONCURRENCY, MAX_RATE, MAX_RATE_LIMITS, MAX_RATE_PERIOD_MS};
use crate::name::Name;
use crate::near::nearest;

/// The rates of the flow.
pub(super) fn rates(reader: &mut Reader, root: &Table<'_>) -> Vec<RateLimit> {
    let tables = match reader.field(root, "rate_limit") {
        Some(_) => reader.tables(root, "rate_limit"),
        None => return Vec::new(),
    };
    if tables.len() > MAX_RATE_LIMITS {
        let detail = format!("the flow has {} rates and may have {MAX_RATE_LIMITS}", tables.len());
        reader.problem(Code::ManifestTooLarge, &root.place, detail);
        return Vec::new();
    }
    let mut rates: Vec<RateLimit> = Vec::new();
    for table in &tables {
        let Some(rate) = rate(reader, table) else { continue };
        if rates.iter().any(|other| other.name == rate.name) {
            let detail = format!("another rate is named `{}` too; rename one of them", rate.name);
            reader.problem(Code::ManifestConflictingFields, &table.place, detail);
        }
        rates.push(rate);
    }
    rates
}

fn rate(reader: &mut Reader, table: &Table<'_>) -> Option<RateLimit> {
    reader.only(table, words::RATE_LIMIT);
    for (field, example) in
        [("name", "name = \"api\""), ("limit", "limit = 10"), ("period", "period = \"1s\"")]
    {
        if reader.field(table, field).is_none() {
            reader.missing(table, field, example);
        }
    }
    let name = reader.name(table, "name");
    let limit = whole(reader, table, "limit", MAX_RATE);
    let period_ms = reader.duration(table, "period", 1..=MAX_RATE_PERIOD_MS);
    let burst = whole(reader, table, "burst", MAX_RATE);
    let (name, limit, period_ms) = (name?, limit?, period_ms?);
    Some(RateLimit { name, limit, period_ms, burst: burst.unwrap_or(limit) })
}

fn whole(reader: &mut Reader, table: &Table<'_>, name: &str, most: u32) -> Option<u32> {
    reader.whole(table, name, 1..=u64::from(most)).and_then(|number| u32::try_from(number).ok())
}

/// What a step says about attempts with the same key: a key alone, or a table.
pub(super) fn concurrency(reader: &mut Reader, table: &Table<'_>) -> Option<Concurrency> {
    let field = reader.field(table, "concurrency")?;
    if field.node.value.as_text().is_some() {
        let key = template(reader, table, "concurrency")?;
        return Some(Concurrency { key, limit: 1 });
    }
    let table = reader.table(table, "concurrency")?;
    reader.only(&table, words::CONCURRENCY);
    if reader.field(&table, "key").is_none() {
        reader.missing(&table, "key", "key = \"account-${input.account}\"");
    }
    let limit = whole(reader, &table, "limit", u32::from(MAX_CONCURRENCY));
    let key = template(reader, &table, "key")?;
    let limit = limit.and_then(|limit| u16::try_from(limit).ok()).unwrap_or(1);
    Some(Concurrency { key, limit })
}

/// What a step takes from a rate: the rate's name alone, or a table.
pub(super) fn rate_use(reader: &mut Reader, table: &Table<'_>) -> Option<RateUse> {
    let field = reader.field(table, "rate_limit")?;
    if field.node.value.as_text().is_some() {
        let name = reader.name(table, "rate_limit")?;
        return Some(RateUse { name, key: None, weight: 1 });
    }
    let table = reader.table(table, "rate_limit")?;
    reader.only(&table, words::RATE_USE);
    if reader.field(&table, "name").is_none() {
        reader.missing(&table, "name", "name = \"api\"");
    }
    let name = reader.name(&table, "name");
    let weight = whole(reader, &table, "weight", MAX_RATE).unwrap_or(1);
    let key = template(reader, &table, "key");
    Some(RateUse { name: name?, key, weight })
}

/// A text in which `${…}` stands for a part of what the task is given.
fn template(reader: &mut Reader, table: &Table<'_>, name: &str) -> Option<Json> {
    let text = reader.text(table, name)?;
    let template = Json::trusted(serde_json::Value::String(text).to_string());
    match references(&template) {
        Ok(_) => Some(template),
        Err(why) => {
            let place = reader.field(table, name).map(|field| field.place).unwrap_or_default();
            reader.problem(Code::ManifestBadText, &place, format!("`{name}`: {why}"));
            None
        }
    }
}

/// Adds a problem for each step whose rate the flow does not have, or could never give it what it takes.
pub(super) fn rates_exist(manifest: &Manifest, problems: &mut Problems) {
    for step in &manifest.steps {
        let Some(taken) = &step.rate_limit else { continue };
        let pointer = format!("{}/rate_limit", step.place.pointer);
        let place = Place { pointer, line: step.place.line };
        let known = || manifest.rate_limits.iter().map(|rate| rate.name.as_str());
        match manifest.rate_limits.iter().find(|rate| rate.name == taken.name) {
            None => problems.push(
                unknown(&step.name, taken, &place)
                    .suggesting(nearest(taken.name.as_str(), known())),
            ),
            Some(rate) if taken.weight > rate.burst => {
                let detail = format!(
                    "step `{}` takes {} from the rate `{}`, which never holds more than {}; lower `weight` or raise `burst`",
                    step.name, taken.weight, rate.name, rate.burst
                );
                problems.push(Problem::new(Code::ManifestWeightAboveBurst, &place, detail));
            }
            Some(_) => {}
        }
    }
}

fn unknown(step: &Name, taken: &RateUse, place: &Place) -> Problem {
    let detail = format!(
        "step `{step}` takes from the rate `{}`, which the flow does not have; add a `[[rate_limit]]` of that name",
        shown(taken.name.as_str())
    );
    Problem::new(Code::ManifestUnknownRateLimit, place, detail)
}
