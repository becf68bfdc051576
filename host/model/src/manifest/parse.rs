//! Turns a manifest's tables into the author's form.

use super::problem::Place;
use super::read::{Reader, Table};
use super::{
    BackoffSettings, ComponentRef, Manifest, ManifestCondition, ManifestStep, Settings, words,
};
use crate::backoff::BackoffStrategy;
use crate::code::Code;
use crate::condition::Policy;
use crate::definition::MaxAttempts;
use crate::limits::{
    Limits, MAX_ATTEMPTS, MAX_BACKOFF_MS, MAX_DEADLINE_MS, MAX_START_DELAY_MS, MIN_MEMORY_BYTES,
};

/// A manifest whose parts were read one by one; a part is absent where it is wrong.
pub(super) struct Draft {
    pub(super) manifest: Option<Manifest>,
    pub(super) steps: Vec<StepDraft>,
}

/// A step as far as it could be read.
pub(super) struct StepDraft {
    /// As written, whether it is a name or not.
    pub(super) name: Option<String>,
    pub(super) place: Place,
    pub(super) needs: Vec<(String, Place)>,
    pub(super) map: bool,
    pub(super) when_skipped: Vec<(String, Place)>,
}

/// Reads the whole manifest.
pub(super) fn manifest(reader: &mut Reader, root: &Table<'_>) -> Draft {
    reader.only(root, words::FLOW);
    let flow = reader.name(root, "flow");
    if reader.field(root, "flow").is_none() {
        reader.missing(root, "flow", "flow = \"order\"");
    }
    let description = reader.prose(root, "description");
    let input_schema = reader.schema(root, "input_schema");
    let deadline_ms = reader.duration(root, "deadline", 1..=MAX_DEADLINE_MS);
    let defaults = reader.table(root, "defaults");
    let (component, defaults) = match &defaults {
        Some(table) => {
            reader.only(table, words::DEFAULTS);
            (component(reader, table), settings(reader, table))
        }
        None => (None, Settings::default()),
    };
    let rate_limits = super::admission::rates(reader, root);
    let (steps, drafts) = match reader.field(root, "chain") {
        Some(_) => super::chain::steps(reader, root, component.as_ref()),
        None => steps(reader, root, component.as_ref()),
    };
    let manifest = flow.map(|flow| Manifest {
        flow,
        description,
        input_schema,
        deadline_ms,
        defaults,
        rate_limits,
        steps,
    });
    Draft { manifest, steps: drafts }
}

fn steps(
    reader: &mut Reader,
    root: &Table<'_>,
    default: Option<&ComponentRef>,
) -> (Vec<ManifestStep>, Vec<StepDraft>) {
    if reader.field(root, "step").is_none() {
        reader.missing(root, "step", "[[step]]");
    }
    let tables = reader.tables(root, "step");
    if tables.is_empty() && reader.problems.is_empty() {
        reader.missing(root, "step", "[[step]]");
    }
    let mut steps = Vec::with_capacity(tables.len());
    let mut drafts = Vec::with_capacity(tables.len());
    for table in &tables {
        let (step, draft) = step(reader, table, default);
        steps.extend(step);
        drafts.push(draft);
    }
    (steps, drafts)
}

fn step(
    reader: &mut Reader,
    table: &Table<'_>,
    default: Option<&ComponentRef>,
) -> (Option<ManifestStep>, StepDraft) {
    reader.only(table, words::STEP);
    let name = reader.name(table, "name");
    let written = reader.field(table, "name");
    if written.is_none() {
        reader.missing(table, "name", "name = \"fetch\"");
    }
    let written = written.and_then(|field| field.node.value.as_text().map(str::to_owned));
    let own = component(reader, table);
    let is_builtin = reader.field(table, "builtin").is_some();
    let builtin = super::builtin::read(reader, table);
    let grants = super::grants::read(reader, table, builtin.as_ref());
    let has_component = reader.field(table, "component").is_some() || default.is_some();
    if !has_component && !is_builtin {
        reader.missing(table, "component", "component = \"handlers/fetch\"");
    }
    let handler = reader.name(table, "handler");
    let needs = reader.texts(table, "needs");
    let map = reader.flag(table, "map").unwrap_or(false);
    let (condition, when_skipped) = condition(reader, table);
    let start_delay = reader.duration(table, "start_delay", 0..=MAX_START_DELAY_MS);
    let concurrency = super::admission::concurrency(reader, table);
    let rate_limit = super::admission::rate_use(reader, table);
    let abandon_children = reader.flag(table, "abandon_children").unwrap_or(false);
    let input_schema = reader.schema(table, "input_schema");
    let output_schema = reader.schema(table, "output_schema");
    let settings = settings(reader, table);
    let place = table.place.clone();
    let component = if is_builtin { None } else { own.or_else(|| default.cloned()) };
    let does_something = component.is_some() || builtin.is_some();
    let parsed = name.filter(|_| does_something).map(|name| ManifestStep {
        name,
        component,
        builtin,
        grants,
        handler: handler.map(|handler| handler.as_str().to_owned()).unwrap_or_default(),
        needs: needs.iter().filter_map(|(needed, _)| needed.parse().ok()).collect(),
        map,
        condition,
        start_delay_ms: start_delay.unwrap_or(0),
        concurrency,
        rate_limit,
        abandon_children,
        settings,
        input_schema,
        output_schema,
        place: place.clone(),
    });
    (parsed, StepDraft { name: written, place, needs, map, when_skipped })
}

fn component(reader: &mut Reader, table: &Table<'_>) -> Option<ComponentRef> {
    let text = reader.text(table, "component")?;
    if text.trim().is_empty() {
        let place = reader.field(table, "component").map(|field| field.place).unwrap_or_default();
        let detail = "`component` is empty; name a folder, a `.wasm` file or a digest";
        reader.problem(Code::ManifestBadText, &place, detail);
        return None;
    }
    Some(ComponentRef::new(text))
}

fn settings(reader: &mut Reader, table: &Table<'_>) -> Settings {
    let most = Limits::CEILING;
    let timeout_ms = reader.duration(table, "timeout", 1..=most.timeout_ms);
    let fuel = reader.whole(table, "fuel", 1..=most.fuel);
    let memory_bytes = reader.size(table, "memory", MIN_MEMORY_BYTES..=most.memory_bytes);
    let output_bytes = reader.size(table, "output", 1..=most.output_bytes);
    let log_bytes = reader.size(table, "log", 0..=most.log_bytes);
    Settings {
        timeout_ms,
        max_attempts: max_attempts(reader, table),
        backoff: backoff(reader, table),
        memory_bytes,
        fuel,
        output_bytes,
        log_bytes,
        on_exhausted: policy(reader, table, "on_exhausted"),
    }
}

/// What must hold for the step to run, and the places of the dependencies it names.
fn condition(reader: &mut Reader, table: &Table<'_>) -> (ManifestCondition, Vec<(String, Place)>) {
    let when_skipped = reader.texts(table, "when_skipped");
    let condition = ManifestCondition {
        when: reader.value(table, "when"),
        unless: reader.value(table, "unless"),
        when_skipped: when_skipped.iter().filter_map(|(name, _)| name.parse().ok()).collect(),
        on_unmet: policy(reader, table, "on_unmet"),
    };
    let asks = ["when", "unless", "when_skipped"];
    if let Some(field) = reader.field(table, "on_unmet")
        && asks.iter().all(|asked| reader.field(table, asked).is_none())
    {
        let detail = "`on_unmet` says what follows when a condition does not hold, and there is none; add `when`, \
                      `unless` or `when_skipped`";
        reader.problem(Code::ManifestConflictingFields, &field.place, detail);
    }
    (condition, when_skipped)
}

fn policy(reader: &mut Reader, table: &Table<'_>, name: &str) -> Option<Policy> {
    reader.word(table, name, &Policy::NAMES, "`fail`, `skip` or `skip_cascade`")
}

fn max_attempts(reader: &mut Reader, table: &Table<'_>) -> Option<MaxAttempts> {
    let most = u64::from(MAX_ATTEMPTS);
    let attempts = reader.whole(table, "max_attempts", 1..=most);
    let retries = reader.whole(table, "max_retries", 0..=most - 1);
    let both = reader.field(table, "max_attempts").and(reader.field(table, "max_retries"));
    if let Some(field) = both {
        let detail = "`max_retries` and `max_attempts` say the same thing; keep one of them";
        reader.problem(Code::ManifestConflictingFields, &field.place, detail);
    }
    let attempts = attempts.or(retries.map(|retries| retries + 1))?;
    u16::try_from(attempts).ok().map(MaxAttempts)
}

fn backoff(reader: &mut Reader, table: &Table<'_>) -> BackoffSettings {
    let Some(table) = reader.table(table, "backoff") else {
        return BackoffSettings::default();
    };
    reader.only(&table, words::BACKOFF);
    BackoffSettings {
        strategy: strategy(reader, &table),
        base_ms: reader.duration(&table, "base", 0..=MAX_BACKOFF_MS),
        factor: reader.real(&table, "factor", 1.0..=100.0),
        max_ms: reader.duration(&table, "max", 0..=MAX_BACKOFF_MS),
        jitter: reader.real(&table, "jitter", 0.0..=1.0),
    }
}

fn strategy(reader: &mut Reader, table: &Table<'_>) -> Option<BackoffStrategy> {
    const STRATEGIES: [(&str, BackoffStrategy); 3] = [
        ("fixed", BackoffStrategy::Fixed),
        ("linear", BackoffStrategy::Linear),
        ("exponential", BackoffStrategy::Exponential),
    ];
    reader.word(table, "strategy", &STRATEGIES, "`fixed`, `linear` or `exponential`")
}
