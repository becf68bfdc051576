//! Turns the author's form into a complete definition: components found, schemas read, defaults filled in.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, Problems};
use super::{ComponentRef, Manifest, ManifestStep, SchemaRef, Settings};
use crate::code::Code;
use crate::condition::{Condition, Policy};
use crate::definition::{Definition, Step, StepIndex};
use crate::grant::{Capability, Grants};
use crate::id::Digest;
use crate::json::{Gate, Json};
use crate::name::Name;
use crate::near::nearest;
use crate::schema::{self, MAX_SCHEMA_BYTES, Schema};
use crate::size::Bytes;

/// Where a manifest's references are looked up. An error is one sentence for people: what was not found, what to do.
pub struct Sources<'a> {
    /// A component; asked once for each that the manifest names.
    pub component: &'a mut dyn FnMut(&ComponentRef) -> Result<Found, String>,
    /// The text of a schema file. Over HTTP: [`no_files`].
    pub schema: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
}

/// A component that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Which one it is.
    pub digest: Digest,
    /// The handlers it says it carries; empty when it says nothing.
    pub handlers: Vec<String>,
    /// Which of them can undo what they did.
    pub compensates: Compensates,
    /// What it asks for, in order.
    pub capabilities: Vec<Capability>,
    /// Whether it imports files, so that a scratch folder can be granted.
    pub uses_files: bool,
    /// What it says its attempts need, where a step does not say.
    pub settings: Settings,
}

/// Which handlers of a component can undo what they did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Compensates {
    /// None.
    #[default]
    None,
    /// All of them, as far as it says.
    All,
    /// These.
    Some(Vec<String>),
}

impl Compensates {
    fn has(&self, handler: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            // A component with one handler need not be told which.
            Self::Some(names) => {
                names.iter().any(|name| name == handler)
                    || (handler.is_empty() && !names.is_empty())
            }
        }
    }
}

impl From<Digest> for Found {
    fn from(digest: Digest) -> Self {
        let (handlers, capabilities) = (Vec::new(), Vec::new());
        let (compensates, settings) = (Compensates::None, Settings::default());
        Self { digest, handlers, compensates, capabilities, uses_files: false, settings }
    }
}

impl Found {
    /// Why a step cannot call this handler, and the name that was probably meant.
    fn refusal(&self, step: &Name, handler: &str) -> Option<(String, Option<&str>)> {
        let known = || self.handlers.iter().map(String::as_str);
        let is_there = match self.handlers.len() {
            0 => true,
            1 => handler.is_empty() || known().any(|known| known == handler),
            _ => known().any(|known| known == handler),
        };
        if is_there {
            return None;
        }
        let all: Vec<&str> = known().collect();
        let all = all.join("`, `");
        Some(if handler.is_empty() {
            let detail = format!(
                "step `{step}` names no handler, and its component carries several: `{all}`; add `handler`"
            );
            (detail, nearest(step.as_str(), known()))
        } else {
            let detail = format!(
                "step `{step}` calls the handler `{handler}`, and its component carries `{all}`; change `handler`"
            );
            (detail, nearest(handler, known()))
        })
    }
}

impl Found {
    /// Where a step's grants are not exactly what its component asks for. What it does not ask for is refused too:
    /// the version that begins to ask then says so in its manifest.
    fn ungranted(&self, step: &Name, grants: &Grants) -> Vec<(Code, String)> {
        let granted: Vec<Capability> = grants.capabilities().collect();
        let only_in = |these: &[Capability], others: &[Capability]| -> Vec<Capability> {
            these.iter().copied().filter(|one| !others.contains(one)).collect()
        };
        let named = |these: &[Capability]| {
            let names: Vec<&str> = these.iter().map(|one| one.as_str()).collect();
            names.join("`, `")
        };
        let mut found = Vec::new();
        let missing = only_in(&self.capabilities, &granted);
        if !missing.is_empty() {
            let examples: Vec<&str> = missing.iter().map(|one| one.example()).collect();
            let detail = format!(
                "the component of step `{step}` asks for `{}`, which the step is not granted; add \
                 `grants = {{ {} }}` to the step",
                named(&missing),
                examples.join(", ")
            );
            found.push((Code::ManifestMissingGrant, detail));
        }
        let mut unused = only_in(&granted, &self.capabilities);
        unused.retain(|one| *one != Capability::Scratch || !self.uses_files);
        if !unused.is_empty() {
            let detail = format!(
                "step `{step}` is granted `{}`, which its component does not ask for; take it away",
                named(&unused)
            );
            found.push((Code::ManifestUnusedGrant, detail));
        }
        found
    }
}

/// For manifests that did not come from a folder: every schema file is refused.
pub fn no_files(_path: &str) -> Result<Vec<u8>, String> {
    Err("a schema is written inline here; files are read by `stepcell deploy`".to_owned())
}

impl Manifest {
    /// The definition this manifest means, everything defaulted flow to step. Every problem is listed.
    pub fn resolve(&self, sources: Sources<'_>) -> Result<Definition, Problems> {
        let mut resolver =
            Resolver { sources, problems: Problems::default(), found: BTreeMap::new() };
        let place = Place { pointer: "/input_schema".to_owned(), line: None };
        let input_schema = resolver.schema(self.input_schema.as_ref(), &place);
        let mut places: BTreeMap<&Name, StepIndex> = BTreeMap::new();
        for (step, index) in self.steps.iter().zip(0..) {
            places.insert(&step.name, StepIndex(index));
        }
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            steps.extend(resolver.step(self, step, &places));
        }
        let definition = Definition {
            flow: self.flow.clone(),
            description: self.description.clone(),
            input_schema,
            deadline_ms: self.deadline_ms,
            rate_limits: self.rate_limits.clone(),
            steps,
        };
        if resolver.problems.is_empty() {
            for misfit in schema::misfits(&definition) {
                let step = self.steps.get(misfit.step.at());
                let place = step.map(|step| step.place.clone()).unwrap_or_default();
                resolver.problems.push(Problem::new(
                    Code::ManifestSchemaMismatch,
                    &place,
                    misfit.detail,
                ));
            }
        }
        resolver.problems.or(Some(definition))
    }
}

/// The component of a step, whether it can undo what it did, and what its attempts need.
type Called = (Option<Digest>, bool, Settings);

struct Resolver<'a> {
    sources: Sources<'a>,
    problems: Problems,
    found: BTreeMap<ComponentRef, Option<Found>>,
}

impl Resolver<'_> {
    fn step(
        &mut self,
        manifest: &Manifest,
        step: &ManifestStep,
        places: &BTreeMap<&Name, StepIndex>,
    ) -> Option<Step> {
        let input_schema =
            self.schema(step.input_schema.as_ref(), &within(&step.place, "input_schema"));
        let output_schema =
            self.schema(step.output_schema.as_ref(), &within(&step.place, "output_schema"));
        self.patterns(step);
        let component = match &step.component {
            Some(named) => Some(self.component(step, named)?),
            None => None,
        };
        let (digest, compensates, settings) = component.unwrap_or_default();
        let options = step.settings.over(&manifest.defaults).over(&settings).options();
        self.scratch_fits(step, options.limits.memory_bytes);
        Some(Step {
            name: step.name.clone(),
            needs: step.needs.iter().filter_map(|needed| places.get(needed).copied()).collect(),
            map: step.map,
            condition: Condition {
                when: step.condition.when.clone(),
                unless: step.condition.unless.clone(),
                when_skipped: step
                    .condition
                    .when_skipped
                    .iter()
                    .filter_map(|skipped| places.get(skipped).copied())
                    .collect(),
            },
            on_unmet: step.condition.on_unmet.unwrap_or(Policy::Skip),
            component: digest,
            compensates,
            builtin: step.builtin.clone(),
            grants: step.grants.clone(),
            handler: step.handler.clone(),
            options,
            input_schema,
            output_schema,
            start_delay_ms: step.start_delay_ms,
            concurrency: step.concurrency.clone(),
            rate_limit: step.rate_limit.clone(),
            abandon_children: step.abandon_children,
        })
    }

    /// A scratch folder is part of the memory of its step.
    fn scratch_fits(&mut self, step: &ManifestStep, memory_bytes: u64) {
        let Some(scratch) = step.grants.scratch.filter(|scratch| *scratch > memory_bytes) else {
            return;
        };
        let detail = format!(
            "step `{}` is granted a scratch folder of `{}`, which is part of its memory of `{}`; raise `memory`, or \
             grant less",
            step.name,
            Bytes(scratch),
            Bytes(memory_bytes)
        );
        let place = within(&step.place, "grants");
        self.problems.push(Problem::new(Code::ManifestConflictingFields, &place, detail));
    }

    /// A pattern over the outputs of dependencies names dependencies.
    fn patterns(&mut self, step: &ManifestStep) {
        if step.needs.is_empty() {
            return;
        }
        for (field, pattern) in [("when", &step.condition.when), ("unless", &step.condition.unless)]
        {
            let Some(pattern) = pattern else { continue };
            let needed = || step.needs.iter().map(Name::as_str);
            let names: Result<BTreeMap<String, serde::de::IgnoredAny>, _> =
                serde_json::from_str(pattern.as_str());
            let unknown = match &names {
                Ok(names) => names.keys().find(|name| !needed().any(|needed| needed == *name)),
                Err(_) => None,
            };
            let detail = match (&names, unknown) {
                (Err(_), _) => format!(
                    "`{field}` of a step with dependencies is a table: `{field} = {{ {} = … }}`",
                    needed().next().unwrap_or_default()
                ),
                (Ok(_), Some(name)) => format!(
                    "`{field}` names `{}`, which step `{}` does not need; add it to `needs`",
                    super::problem::shown(name),
                    step.name
                ),
                (Ok(_), None) => continue,
            };
            let code = match unknown {
                Some(_) => Code::ManifestUnknownDependency,
                None => Code::ManifestWrongType,
            };
            let meant = unknown.and_then(|name| nearest(name, needed()));
            let problem = Problem::new(code, &within(&step.place, field), detail);
            self.problems.push(problem.suggesting(meant));
        }
    }

    /// Looks a step's component up, reports it once when it is not there, and every handler it does not carry.
    fn component(&mut self, step: &ManifestStep, named: &ComponentRef) -> Option<Called> {
        if !self.found.contains_key(named) {
            let found = (self.sources.component)(named).map_err(|detail| {
                let place = within(&step.place, "component");
                self.problems.push(Problem::new(Code::ManifestUnknownComponent, &place, detail));
            });
            self.found.insert(named.clone(), found.ok());
        }
        let found = self.found.get(named)?.as_ref()?;
        if let Some((detail, meant)) = found.refusal(&step.name, &step.handler) {
            let place = within(&step.place, "handler");
            let problem = Problem::new(Code::ManifestUnknownHandler, &place, detail);
            self.problems.push(problem.suggesting(meant));
        }
        for (code, detail) in found.ungranted(&step.name, &step.grants) {
            self.problems.push(Problem::new(code, &within(&step.place, "grants"), detail));
        }
        let (digest, compensates) = (found.digest, found.compensates.has(&step.handler));
        Some((Some(digest), compensates, found.settings.clone()))
    }

    fn schema(&mut self, schema: Option<&SchemaRef>, place: &Place) -> Option<Json> {
        let read = match schema? {
            SchemaRef::Inline(json) => Ok(json.clone()),
            SchemaRef::File(path) => (self.sources.schema)(path).and_then(|text| {
                let json = Gate::of_bytes(MAX_SCHEMA_BYTES).check(&text);
                let json = json.map_err(|refusal| format!("`{path}`: {refusal}"))?;
                sorted(&json).map_err(|error| format!("`{path}`: {error}"))
            }),
        };
        let checked = read.and_then(|json| match Schema::compile(&json) {
            Ok(_) => Ok(json),
            Err(bad) => Err(bad.to_string()),
        });
        checked
            .map_err(|detail| {
                self.problems.push(Problem::new(Code::ManifestBadSchema, place, detail))
            })
            .ok()
    }
}

/// The same schema with sorted keys and no space, so that its spelling does not make a new version.
fn sorted(json: &Json) -> Result<Json, serde_json::Error> {
    let value: super::tree::Value =
        super::tree::node_of(serde_json::from_str(json.as_str())?).value;
    let value = value.to_json().map_err(serde::de::Error::custom)?;
    Ok(Json::trusted(value.to_string()))
}

fn within(place: &Place, field: &str) -> Place {
    Place { pointer: format!("{}/{field}", place.pointer), line: place.line }
}

#[cfg(test)]
mod tests {
    use super::super::no_files;
    use super::*;

    #[test]
    fn a_step_calls_a_handler_its_component_says_it_carries() {
        let found = |handlers: &[&str], step: &str| {
            let text = format!("flow = \"f\"\n[[step]]\nname = \"pay\"\ncomponent = \"c\"\n{step}");
            let handlers: Vec<String> = handlers.iter().map(|name| (*name).to_owned()).collect();
            let resolved = Manifest::from_toml(&text).unwrap().resolve(Sources {
                component: &mut |_| {
                    let (digest, handlers) = (Digest::of(b"c"), handlers.clone());
                    Ok(Found { handlers, ..Found::from(digest) })
                },
                schema: &mut no_files,
            });
            resolved.map_or_else(|found| found.problems, |_| Vec::new())
        };
        for (handlers, step) in [
            (&[][..], "handler = \"anything\""),
            (&["charge"], ""),
            (&["charge"], "handler = \"charge\""),
            (&["charge", "refund"], "handler = \"refund\""),
        ] {
            assert!(found(handlers, step).is_empty(), "{handlers:?} {step}");
        }
        let problems = found(&["charge", "refund"], "handler = \"charg\"");
        let [problem] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(
            (problem.code, &problem.pointer[..]),
            (Code::ManifestUnknownHandler, "/step/0/handler")
        );
        assert!(problem.detail.contains("`charge`, `refund`"), "{}", problem.detail);
        let unnamed = found(&["charge", "refund"], "");
        assert_eq!(unnamed[0].code, Code::ManifestUnknownHandler);
        assert!(unnamed[0].detail.contains("carries several"), "{}", unnamed[0].detail);
    }
}
