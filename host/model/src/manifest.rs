//! A flow as its author writes it: `flow.toml`, or the same shape as JSON.

mod admission;
mod builtin;
mod chain;
mod check;
mod grants;
mod http;
mod parse;
mod problem;
mod read;
mod resolve;
mod tree;
mod words;

use crate::admission::{Concurrency, RateLimit, RateUse};
use crate::backoff::{Backoff, BackoffStrategy};
use crate::builtin::Builtin;
use crate::condition::Policy;
use crate::definition::{MaxAttempts, Options};
use crate::grant::Grants;
use crate::id::Digest;
use crate::json::Json;
use crate::limits::Limits;
use crate::name::Name;

pub use problem::{Place, Problem, Problems};
pub use resolve::{Compensates, Found, Sources, no_files};
pub use tree::MAX_MANIFEST_BYTES;

/// A flow as its author wrote it: names, and references to components that are not looked up yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The flow's name.
    pub flow: Name,
    /// For people.
    pub description: Option<String>,
    /// JSON Schema of the run's input.
    pub input_schema: Option<SchemaRef>,
    /// How long a run may take, in milliseconds.
    pub deadline_ms: Option<u64>,
    /// What steps that say nothing else go by.
    pub defaults: Settings,
    /// The rates its steps can name.
    pub rate_limits: Vec<RateLimit>,
    /// The steps, in the author's order.
    pub steps: Vec<ManifestStep>,
}

/// A step as its author wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestStep {
    /// Unique in the flow.
    pub name: Name,
    /// The component that is called; the one of `[defaults]` where the step names none. Absent where it is built in.
    pub component: Option<ComponentRef>,
    /// What the step does without a component.
    pub builtin: Option<Builtin>,
    /// What the step may reach outside of its sandbox; what its URL spells out is among it.
    pub grants: Grants,
    /// Which of its handlers is meant; empty where the step names none.
    pub handler: String,
    /// The steps that must end before this one starts.
    pub needs: Vec<Name>,
    /// One task for each element of an array.
    pub map: bool,
    /// What must hold for it to run.
    pub condition: ManifestCondition,
    /// Wait before the first attempt, in milliseconds.
    pub start_delay_ms: u64,
    /// How many of its attempts run at a time for each key.
    pub concurrency: Option<Concurrency>,
    /// What each of its attempts takes from a rate.
    pub rate_limit: Option<RateUse>,
    /// The children its tasks spawned go on when the run is stopped.
    pub abandon_children: bool,
    /// What the step says about its attempts.
    pub settings: Settings,
    /// JSON Schema of what each attempt is given.
    pub input_schema: Option<SchemaRef>,
    /// JSON Schema of what each attempt answers.
    pub output_schema: Option<SchemaRef>,
    /// Where the step is, for problems that are found later.
    pub place: Place,
}

/// What must hold for a step to run, as its author wrote it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ManifestCondition {
    /// Must be contained in what the step is about.
    pub when: Option<Json>,
    /// Must not be.
    pub unless: Option<Json>,
    /// Dependencies that must have been skipped.
    pub when_skipped: Vec<Name>,
    /// What follows when it does not hold.
    pub on_unmet: Option<Policy>,
}

/// How attempts are limited and repeated, as far as the author said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// Wall clock of one attempt, in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Attempts in all.
    pub max_attempts: Option<MaxAttempts>,
    /// The wait between attempts.
    pub backoff: BackoffSettings,
    /// All memories together, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU budget of one attempt.
    pub fuel: Option<u64>,
    /// Largest output, in bytes.
    pub output_bytes: Option<u64>,
    /// Log kept, in bytes.
    pub log_bytes: Option<u64>,
    /// What follows when no attempts are left.
    pub on_exhausted: Option<Policy>,
}

/// The wait between attempts, as far as the author said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BackoffSettings {
    /// How the delay grows.
    pub strategy: Option<BackoffStrategy>,
    /// Delay after the first attempt, in milliseconds.
    pub base_ms: Option<u64>,
    /// Growth of the exponential strategy.
    pub factor: Option<f64>,
    /// The longest delay, in milliseconds.
    pub max_ms: Option<u64>,
    /// Share of the delay it may differ by.
    pub jitter: Option<f64>,
}

/// A component as its author names it: a folder that `stepcell build` knows, a `.wasm` file, a source, or a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ComponentRef(String);

impl ComponentRef {
    fn new(text: String) -> Self {
        Self(text)
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest, where it is one.
    pub fn digest(&self) -> Option<Digest> {
        self.0.parse().ok()
    }
}

/// A JSON Schema as its author names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaRef {
    /// Written in the manifest; keys sorted.
    Inline(Json),
    /// The path of a file, which the caller reads.
    File(String),
}

impl Manifest {
    /// Reads `flow.toml`. Every problem is listed, each with its line.
    pub fn from_toml(text: &str) -> Result<Self, Problems> {
        Self::from_tree(tree::from_toml(text)?)
    }

    /// Reads the same shape as JSON. Every problem is listed, each with its pointer.
    pub fn from_json(text: &[u8]) -> Result<Self, Problems> {
        Self::from_tree(tree::from_json(text)?)
    }

    fn from_tree(tree: tree::Tree) -> Result<Self, Problems> {
        let mut reader = read::Reader::new(tree.lines);
        let root = read::Table { members: &tree.root, place: Place::default() };
        let draft = parse::manifest(&mut reader, &root);
        let flow = draft.manifest.as_ref().map_or("", |manifest| manifest.flow.as_str());
        check::graph(flow, &draft.steps, &mut reader.problems);
        if let Some(manifest) = &draft.manifest {
            check::backoffs(manifest, &mut reader.problems);
            admission::rates_exist(manifest, &mut reader.problems);
        }
        reader.problems.or(draft.manifest)
    }

    /// Every component the steps name, each once.
    pub fn components(&self) -> std::collections::BTreeSet<&ComponentRef> {
        self.steps.iter().filter_map(|step| step.component.as_ref()).collect()
    }
}

impl Settings {
    /// These settings, and `others` where these say nothing.
    pub fn over(&self, others: &Self) -> Self {
        Self {
            timeout_ms: self.timeout_ms.or(others.timeout_ms),
            max_attempts: self.max_attempts.or(others.max_attempts),
            backoff: BackoffSettings {
                strategy: self.backoff.strategy.or(others.backoff.strategy),
                base_ms: self.backoff.base_ms.or(others.backoff.base_ms),
                factor: self.backoff.factor.or(others.backoff.factor),
                max_ms: self.backoff.max_ms.or(others.backoff.max_ms),
                jitter: self.backoff.jitter.or(others.backoff.jitter),
            },
            memory_bytes: self.memory_bytes.or(others.memory_bytes),
            fuel: self.fuel.or(others.fuel),
            output_bytes: self.output_bytes.or(others.output_bytes),
            log_bytes: self.log_bytes.or(others.log_bytes),
            on_exhausted: self.on_exhausted.or(others.on_exhausted),
        }
    }

    /// Complete options, with Stepcell's defaults where nothing is said.
    pub fn options(&self) -> Options {
        let (limits, backoff) = (Limits::default(), Backoff::default());
        Options {
            limits: Limits {
                fuel: self.fuel.unwrap_or(limits.fuel),
                timeout_ms: self.timeout_ms.unwrap_or(limits.timeout_ms),
                memory_bytes: self.memory_bytes.unwrap_or(limits.memory_bytes),
                output_bytes: self.output_bytes.unwrap_or(limits.output_bytes),
                log_bytes: self.log_bytes.unwrap_or(limits.log_bytes),
                ..limits
            },
            max_attempts: self.max_attempts.unwrap_or_default(),
            backoff: Backoff {
                strategy: self.backoff.strategy.unwrap_or(backoff.strategy),
                base_ms: self.backoff.base_ms.unwrap_or(backoff.base_ms),
                factor: self.backoff.factor.unwrap_or(backoff.factor),
                max_ms: self.backoff.max_ms.unwrap_or(backoff.max_ms),
                jitter: self.backoff.jitter.unwrap_or(backoff.jitter),
            },
            on_exhausted: self.on_exhausted.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
