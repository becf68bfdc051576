//! Turns the author's form into a complete definition: components found, schemas read, defaults filled in.

use std::collections::BTreeMap;

use super::problem::{Place, Problem, Problems};
use super::{ComponentRef, Manifest, ManifestStep, SchemaRef};
use crate::code::Code;
use crate::definition::{Definition, Step, StepIndex};
use crate::id::Digest;
use crate::json::{Gate, Json};
use crate::name::Name;
use crate::schema::{self, MAX_SCHEMA_BYTES, Schema};

/// Where a manifest's references are looked up. An error is one sentence for people: what was not found, what to do.
pub struct Sources<'a> {
    /// The digest of a component; asked once for each that the manifest names.
    pub component: &'a mut dyn FnMut(&ComponentRef) -> Result<Digest, String>,
    /// The text of a schema file. Over HTTP: [`no_files`].
    pub schema: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
}

/// For manifests that did not come from a folder: every schema file is refused.
pub fn no_files(_path: &str) -> Result<Vec<u8>, String> {
    Err("a schema is written inline here; files are read by `stepcell deploy`".to_owned())
}

impl Manifest {
    /// The definition this manifest means, everything defaulted flow to step. Every problem is listed.
    pub fn resolve(&self, sources: Sources<'_>) -> Result<Definition, Problems> {
        let mut resolver =
            Resolver { sources, problems: Problems::default(), digests: BTreeMap::new() };
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

struct Resolver<'a> {
    sources: Sources<'a>,
    problems: Problems,
    digests: BTreeMap<ComponentRef, Result<Digest, ()>>,
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
        let component = self.component(&step.component, &within(&step.place, "component"))?;
        Some(Step {
            name: step.name.clone(),
            needs: step.needs.iter().filter_map(|needed| places.get(needed).copied()).collect(),
            map: step.map,
            component,
            handler: step.handler.clone(),
            options: step.settings.over(&manifest.defaults).options(),
            input_schema,
            output_schema,
            start_delay_ms: step.start_delay_ms,
        })
    }

    /// Looks a component up, and reports it once when it is not there.
    fn component(&mut self, component: &ComponentRef, place: &Place) -> Option<Digest> {
        if let Some(known) = self.digests.get(component) {
            return known.ok();
        }
        let found = (self.sources.component)(component).map_err(|detail| {
            self.problems.push(Problem::new(Code::ManifestUnknownComponent, place, detail));
        });
        self.digests.insert(component.clone(), found);
        found.ok()
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
