//! What changed from one definition of a flow to the next, for people.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::backoff::{Backoff, BackoffStrategy};
use crate::builtin::Builtin;
use crate::condition::Condition;
use crate::definition::{Definition, Options, Step};
use crate::duration::Ms;
use crate::grant::{Capability, Grants};
use crate::json::Json;
use crate::limits::Limits;
use crate::size::Bytes;

/// One thing that changed; shown as one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Difference {
    /// Something of the flow as a whole.
    Flow {
        /// What: `name`, `description`, `input schema`, `order of steps`.
        field: &'static str,
        /// What it was; absent where there was none or it is too long to show.
        before: Option<String>,
        /// What it is.
        after: Option<String>,
    },
    /// A step is new.
    StepAdded {
        /// The step.
        step: String,
    },
    /// A step is gone.
    StepRemoved {
        /// The step.
        step: String,
    },
    /// A step needs one more.
    DependencyAdded {
        /// The step.
        step: String,
        /// What it needs now.
        needs: String,
    },
    /// A step needs one less.
    DependencyRemoved {
        /// The step.
        step: String,
        /// What it no longer needs.
        needs: String,
    },
    /// What a step calls asks for more.
    CapabilityAdded {
        /// The step.
        step: String,
        /// What it asks for now.
        capability: Capability,
    },
    /// What a step calls asks for less.
    CapabilityRemoved {
        /// The step.
        step: String,
        /// What it no longer asks for.
        capability: Capability,
    },
    /// Something of a step.
    Step {
        /// The step.
        step: String,
        /// What: `timeout`, `component`, ...
        field: &'static str,
        /// What it was; absent where there was none or it is too long to show.
        before: Option<String>,
        /// What it is.
        after: Option<String>,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flow { field, before, after } => {
                write!(f, "{field}")?;
                change(f, before.as_deref(), after.as_deref())
            }
            Self::StepAdded { step } => write!(f, "step `{step}` added"),
            Self::StepRemoved { step } => write!(f, "step `{step}` removed"),
            Self::DependencyAdded { step, needs } => write!(f, "`{step}` now needs `{needs}`"),
            Self::DependencyRemoved { step, needs } => {
                write!(f, "`{step}` no longer needs `{needs}`")
            }
            Self::CapabilityAdded { step, capability } => {
                write!(f, "`{step}` newly asks for {capability}: it {}", capability.meaning())
            }
            Self::CapabilityRemoved { step, capability } => {
                write!(f, "`{step}` no longer asks for {capability}")
            }
            Self::Step { step, field, before, after } => {
                write!(f, "step `{step}`: {field}")?;
                change(f, before.as_deref(), after.as_deref())
            }
        }
    }
}

fn change(f: &mut fmt::Formatter<'_>, before: Option<&str>, after: Option<&str>) -> fmt::Result {
    match (before, after) {
        (Some(before), Some(after)) => write!(f, " {before} -> {after}"),
        (None, Some(after)) => write!(f, " {after} added"),
        (Some(before), None) => write!(f, " {before} removed"),
        (None, None) => f.write_str(" changed"),
    }
}

/// Everything that changed; empty exactly when both are the same version.
pub fn differences(before: &Definition, after: &Definition) -> Vec<Difference> {
    let mut found = Vec::new();
    flow(before, after, &mut found);
    let (old, new) = (Steps::of(before), Steps::of(after));
    for step in &after.steps {
        if !old.by_name.contains_key(step.name.as_str()) {
            found.push(Difference::StepAdded { step: step.name.to_string() });
        }
    }
    for step in &before.steps {
        match new.by_name.get(step.name.as_str()) {
            None => found.push(Difference::StepRemoved { step: step.name.to_string() }),
            Some(now) => {
                dependencies(&old.needs(step), &new.needs(now), now, &mut found);
                Fields { step: now.name.as_str(), found: &mut found }.step(step, now);
            }
        }
    }
    let kept = |steps: &Steps<'_>, of: &Definition| -> Vec<String> {
        let names = of.steps.iter().map(|step| step.name.to_string());
        names.filter(|name| steps.by_name.contains_key(name.as_str())).collect()
    };
    if kept(&new, before) != kept(&old, after) {
        found.push(Difference::Flow { field: "order of steps", before: None, after: None });
    }
    found
}

fn flow(before: &Definition, after: &Definition, found: &mut Vec<Difference>) {
    let Definition { flow, description, input_schema, deadline_ms, rate_limits, steps: _ } = before;
    if *flow != after.flow {
        let (before, after) = (Some(format!("`{flow}`")), Some(format!("`{}`", after.flow)));
        found.push(Difference::Flow { field: "name", before, after });
    }
    if *description != after.description {
        found.push(Difference::Flow { field: "description", before: None, after: None });
    }
    if *deadline_ms != after.deadline_ms {
        let shown = |ms: &Option<u64>| ms.map(|ms| Ms(ms).to_string());
        let (before, after) = (shown(deadline_ms), shown(&after.deadline_ms));
        found.push(Difference::Flow { field: "deadline", before, after });
    }
    if *rate_limits != after.rate_limits {
        found.push(Difference::Flow { field: "rate limits", before: None, after: None });
    }
    if *input_schema != after.input_schema {
        let (before, after) = presence(input_schema.as_ref(), after.input_schema.as_ref());
        found.push(Difference::Flow { field: "input schema", before, after });
    }
}

/// Schemas are too long to show: their size where one was added or removed, nothing where it changed.
fn presence(before: Option<&Json>, after: Option<&Json>) -> (Option<String>, Option<String>) {
    match (before, after) {
        (Some(before), None) => (Some(Bytes(before.len() as u64).to_string()), None),
        (None, Some(after)) => (None, Some(Bytes(after.len() as u64).to_string())),
        (Some(_), Some(_)) | (None, None) => (None, None),
    }
}

struct Steps<'d> {
    definition: &'d Definition,
    by_name: BTreeMap<&'d str, &'d Step>,
}

impl<'d> Steps<'d> {
    fn of(definition: &'d Definition) -> Self {
        let by_name = definition.steps.iter().map(|step| (step.name.as_str(), step)).collect();
        Self { definition, by_name }
    }

    fn needs(&self, step: &Step) -> Vec<&'d str> {
        let needed = step.needs.iter().filter_map(|needed| self.definition.steps.get(needed.at()));
        needed.map(|step| step.name.as_str()).collect()
    }
}

fn dependencies(before: &[&str], after: &[&str], step: &Step, found: &mut Vec<Difference>) {
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    let step = step.name.to_string();
    for needs in new.difference(&old).map(|needs| (**needs).to_owned()) {
        found.push(Difference::DependencyAdded { step: step.clone(), needs });
    }
    for needs in old.difference(&new).map(|needs| (**needs).to_owned()) {
        found.push(Difference::DependencyRemoved { step: step.clone(), needs });
    }
    if old == new && before != after {
        found.push(Difference::Step {
            step,
            field: "order of dependencies",
            before: None,
            after: None,
        });
    }
}

/// Compares the fields of one step.
struct Fields<'f> {
    step: &'f str,
    found: &'f mut Vec<Difference>,
}

/// What a built-in step does, as far as a line can tell.
fn shown_builtin(builtin: &Builtin) -> String {
    match builtin {
        Builtin::Http(call) => format!("http {} {}", call.method, call.url),
        Builtin::Wait(_) | Builtin::Inject(_) | Builtin::Set(_) => builtin.as_str().to_owned(),
    }
}

impl Fields<'_> {
    fn push(&mut self, field: &'static str, before: Option<String>, after: Option<String>) {
        self.found.push(Difference::Step { step: self.step.to_owned(), field, before, after });
    }

    fn compare<T: PartialEq>(
        &mut self,
        field: &'static str,
        pair: (&T, &T),
        show: impl Fn(&T) -> String,
    ) {
        let (before, after) = pair;
        if before != after {
            self.push(field, Some(show(before)), Some(show(after)));
        }
    }

    fn step(&mut self, before: &Step, after: &Step) {
        let Step {
            name: _,
            needs: _,
            map,
            component,
            builtin,
            grants,
            handler,
            options,
            input_schema,
            output_schema,
            condition,
            on_unmet,
            start_delay_ms,
            concurrency,
            rate_limit,
            compensates,
            abandon_children,
        } = before;
        self.compare("component", (component, &after.component), |digest| {
            digest.map_or("none".to_owned(), |digest| format!("{}…", digest.short()))
        });
        self.compare("builtin", (builtin, &after.builtin), |builtin| {
            builtin.as_ref().map_or("none".to_owned(), shown_builtin)
        });
        self.grants(grants, &after.grants);
        self.compare("handler", (handler, &after.handler), |handler| format!("`{handler}`"));
        self.compare("map", (map, &after.map), bool::to_string);
        self.options(options, &after.options);
        self.condition(condition, &after.condition);
        self.compare("on unmet", (on_unmet, &after.on_unmet), |policy| policy.as_str().to_owned());
        self.compare("start delay", (start_delay_ms, &after.start_delay_ms), |ms| {
            Ms(*ms).to_string()
        });
        self.compare("concurrency", (concurrency, &after.concurrency), |concurrency| {
            concurrency
                .as_ref()
                .map_or("none".to_owned(), |it| format!("{} of {}", it.limit, it.key))
        });
        self.compare("rate limit", (rate_limit, &after.rate_limit), |taken| {
            taken.as_ref().map_or("none".to_owned(), |it| format!("{} of `{}`", it.weight, it.name))
        });
        self.compare("compensates", (compensates, &after.compensates), bool::to_string);
        let abandon = (abandon_children, &after.abandon_children);
        self.compare("abandon children", abandon, bool::to_string);
        self.schema("input schema", input_schema.as_ref(), after.input_schema.as_ref());
        self.schema("output schema", output_schema.as_ref(), after.output_schema.as_ref());
    }

    /// A component asks for exactly what its step is granted: what is new here, it newly asks for.
    fn grants(&mut self, before: &Grants, after: &Grants) {
        let had: Vec<Capability> = before.capabilities().collect();
        let has: Vec<Capability> = after.capabilities().collect();
        let step = || self.step.to_owned();
        let added = has.iter().filter(|one| !had.contains(one));
        let added = added.map(|one| Difference::CapabilityAdded { step: step(), capability: *one });
        let removed = had.iter().filter(|one| !has.contains(one));
        let removed =
            removed.map(|one| Difference::CapabilityRemoved { step: step(), capability: *one });
        let found: Vec<Difference> = added.chain(removed).collect();
        self.found.extend(found);
        self.compare("grants", (before, after), ToString::to_string);
    }

    fn condition(&mut self, before: &Condition, after: &Condition) {
        let Condition { when, unless, when_skipped } = before;
        self.schema("when", when.as_ref(), after.when.as_ref());
        self.schema("unless", unless.as_ref(), after.unless.as_ref());
        if *when_skipped != after.when_skipped {
            self.push("when skipped", None, None);
        }
    }

    fn schema(&mut self, field: &'static str, before: Option<&Json>, after: Option<&Json>) {
        if before != after {
            let (before, after) = presence(before, after);
            self.push(field, before, after);
        }
    }

    fn options(&mut self, before: &Options, after: &Options) {
        let Options { limits, max_attempts, backoff, on_exhausted } = before;
        self.limits(limits, &after.limits);
        let attempts = (&max_attempts.0, &after.max_attempts.0);
        self.compare("max attempts", attempts, u16::to_string);
        self.backoff(backoff, &after.backoff);
        let policies = (on_exhausted, &after.on_exhausted);
        self.compare("on exhausted", policies, |policy| policy.as_str().to_owned());
    }

    fn limits(&mut self, before: &Limits, after: &Limits) {
        let Limits {
            fuel,
            timeout_ms,
            memory_bytes,
            input_bytes,
            output_bytes,
            log_bytes,
            log_records,
        } = before;
        let size = |bytes: &u64| Bytes(*bytes).to_string();
        self.compare("timeout", (timeout_ms, &after.timeout_ms), |ms| Ms(*ms).to_string());
        self.compare("fuel", (fuel, &after.fuel), u64::to_string);
        self.compare("memory", (memory_bytes, &after.memory_bytes), size);
        self.compare("input size", (input_bytes, &after.input_bytes), size);
        self.compare("output size", (output_bytes, &after.output_bytes), size);
        self.compare("log size", (log_bytes, &after.log_bytes), size);
        self.compare("log records", (log_records, &after.log_records), u32::to_string);
    }

    fn backoff(&mut self, before: &Backoff, after: &Backoff) {
        let Backoff { strategy, base_ms, factor, max_ms, jitter } = before;
        let duration = |ms: &u64| Ms(*ms).to_string();
        self.compare("backoff strategy", (strategy, &after.strategy), |strategy| {
            let name = match strategy {
                BackoffStrategy::Fixed => "fixed",
                BackoffStrategy::Linear => "linear",
                BackoffStrategy::Exponential => "exponential",
            };
            name.to_owned()
        });
        self.compare("backoff base", (base_ms, &after.base_ms), duration);
        self.compare("backoff factor", (factor, &after.factor), f64::to_string);
        self.compare("backoff max", (max_ms, &after.max_ms), duration);
        self.compare("backoff jitter", (jitter, &after.jitter), f64::to_string);
    }
}

#[cfg(test)]
mod tests;
