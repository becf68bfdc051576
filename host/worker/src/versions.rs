//! Flow versions in memory: immutable, so that they are read once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use model::schema::Schema;
use model::{Definition, FlowId, Json, Plan, StepIndex, TenantId};
use store::{RunFacts, Store};

/// Versions kept; past it the cache begins anew, which costs one read for each version in use.
const MOST_KEPT: usize = 4_096;

/// A flow version ready to run.
pub(crate) struct Version {
    pub(crate) plan: Arc<Plan>,
    schemas: Vec<Schemas>,
}

#[derive(Default)]
struct Schemas {
    input: Option<Schema>,
    output: Option<Schema>,
}

impl Version {
    fn new(definition: Definition) -> Result<Self, String> {
        let compile = |schema: &Option<Json>| {
            schema
                .as_ref()
                .map(|schema| Schema::compile(schema).map_err(|why| why.to_string()))
                .transpose()
        };
        let schemas = definition
            .steps
            .iter()
            .map(|step| {
                Ok(Schemas {
                    input: compile(&step.input_schema)?,
                    output: compile(&step.output_schema)?,
                })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { plan: Arc::new(Plan::new(definition)), schemas })
    }

    /// What every attempt of the step must be given.
    pub(crate) fn input_schema(&self, step: StepIndex) -> Option<&Schema> {
        self.schemas[step.at()].input.as_ref()
    }

    /// What every attempt of the step must answer.
    pub(crate) fn output_schema(&self, step: StepIndex) -> Option<&Schema> {
        self.schemas[step.at()].output.as_ref()
    }
}

type Key = (TenantId, FlowId, u32);

/// The versions in memory.
#[derive(Default)]
pub(crate) struct Versions(Mutex<HashMap<Key, Arc<Version>>>);

impl Versions {
    /// The version a run is pinned to, if it is in memory.
    pub(crate) fn kept(&self, run: &RunFacts) -> Option<Arc<Version>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&(run.tenant, run.flow_id, run.version)).cloned()
    }

    /// The version a run is pinned to, read if need be.
    pub(crate) async fn get(
        &self,
        store: &Store,
        run: &RunFacts,
    ) -> Result<Arc<Version>, store::Error> {
        if let Some(version) = self.kept(run) {
            return Ok(version);
        }
        let unreadable = |why: String| store::Error::Unreadable {
            what: format!("version {} of flow {}", run.version, run.flow_id.0),
            why,
        };
        let row = store.get_version(run.tenant, run.flow_id, run.version).await?;
        let row = row.ok_or_else(|| unreadable("it is gone".to_owned()))?;
        let definition = Definition::from_json(&Json::trusted(row.definition))
            .map_err(|why| unreadable(why.to_string()))?;
        let version = Arc::new(Version::new(definition).map_err(unreadable)?);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert((run.tenant, run.flow_id, run.version), Arc::clone(&version));
        Ok(version)
    }
}
