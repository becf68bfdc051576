//! What is kept of an upload beside its bytes, and shown of it.

use std::time::Duration;

use model::manifest::{Compensates, Found};
use model::{Capability, Description, Digest, Json, Language};
use sandbox::{ComponentReport, Prepared, World};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a component is, wants and offers, as it is kept beside its bytes.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ComponentReport)]
pub(crate) struct KeptReport {
    /// `handler`, or `durable`: its attempts may also park, wait for signals or spawn children.
    pub(crate) world: String,
    /// What it asks for beyond computing; a step that calls it must be granted each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) capabilities: Vec<KeptCapability>,
    /// Every interface it imports, with what that lets it do.
    pub(crate) imports: Vec<KeptImport>,
    /// Every function it offers to the host.
    pub(crate) exports: Vec<String>,
    /// True when its imports prove that a call can have no effect but its answer and its log.
    pub(crate) pure: bool,
    /// True when the upload was a core module and the host completed it.
    completed: bool,
    /// Bytes uploaded.
    pub(crate) uploaded_bytes: u64,
    /// Bytes of the component.
    pub(crate) component_bytes: u64,
    /// Core instances of one attempt.
    core_instances: u64,
    /// Memory an attempt starts with.
    pub(crate) memory_minimum_bytes: u64,
    /// Table elements an attempt starts with.
    table_elements: u64,
    /// How long it was compiled; 0 where that was done before.
    pub(crate) compile_ms: u64,
    /// Of a source: the language, and the runtime that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<KeptSource>,
    /// What it says about itself: its handlers and schemas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) description: Option<Json>,
    /// What a person should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What runs a source.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ComponentSource)]
pub(crate) struct KeptSource {
    /// `javascript` or `python`.
    #[schema(value_type = String)]
    pub(crate) language: Language,
    /// The digest of the runtime.
    #[schema(value_type = String)]
    pub(crate) runtime: Digest,
}

/// One capability.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeptCapability {
    /// Its name, as `grants` have it.
    #[schema(value_type = String)]
    pub(crate) name: Capability,
    /// What it lets the component do.
    meaning: String,
}

/// One imported interface.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct KeptImport {
    /// Its name.
    name: String,
    /// What it lets the component do.
    meaning: String,
}

impl KeptReport {
    /// Of a source that the runtime of this report made ready. What an attempt starts with is the runtime's.
    pub(crate) fn of_source(self, source: KeptSource, prepared: &Prepared, bytes: u64) -> Self {
        let Prepared { program, description, capabilities, on_error, compensate } = prepared;
        let optional = [("on-error", *on_error), ("compensate", *compensate)];
        let exports = [("handle", true)].into_iter().chain(optional);
        Self {
            capabilities: capabilities.iter().copied().map(KeptCapability::from).collect(),
            imports: prepared.imports().into_iter().map(KeptImport::from).collect(),
            exports: exports.filter(|(_, has)| *has).map(|(name, _)| name.to_owned()).collect(),
            pure: capabilities.is_empty(),
            completed: false,
            uploaded_bytes: bytes,
            component_bytes: program.len() as u64,
            compile_ms: 0,
            source: Some(source),
            description: Some(description.clone()),
            ..self
        }
    }

    /// What a flow can call of it.
    pub(crate) fn found(&self, digest: Digest) -> Found {
        let said = self.described().0;
        let compensates = match self.exports.iter().any(|export| export == "compensate") {
            true => said.compensates(),
            false => Compensates::None,
        };
        let Description { handlers, settings, .. } = said;
        let capabilities = self.capabilities.iter().map(|capability| capability.name).collect();
        let uses_files = self.imports.iter().any(|import| import.name.starts_with(sandbox::FILES));
        Found { digest, handlers, compensates, capabilities, uses_files, settings }
    }

    /// What it says of itself, and what of that cannot be used.
    pub(crate) fn described(&self) -> (Description, Vec<String>) {
        self.description.as_ref().map(Description::read).unwrap_or_default()
    }

    /// Of a component that was inspected, and compiled for so long.
    pub(crate) fn of(report: &ComponentReport, compiled: Duration) -> Self {
        let ComponentReport {
            world,
            capabilities,
            imports,
            exports,
            pure,
            describes: _,
            completed,
            uploaded_bytes,
            component_bytes,
            core_instances,
            memory_minimum_bytes,
            table_elements,
        } = report.clone();
        Self {
            world: world_name(world).to_owned(),
            capabilities: capabilities.into_iter().map(KeptCapability::from).collect(),
            imports: imports.into_iter().map(KeptImport::from).collect(),
            exports,
            pure,
            completed,
            uploaded_bytes,
            component_bytes,
            core_instances,
            memory_minimum_bytes,
            table_elements,
            compile_ms: u64::try_from(compiled.as_millis()).unwrap_or(u64::MAX),
            source: None,
            description: None,
            notes: Vec::new(),
        }
    }
}

fn world_name(world: World) -> &'static str {
    match world {
        World::Handler => "handler",
        World::Durable => "durable",
    }
}

impl From<sandbox::Import> for KeptImport {
    fn from(import: sandbox::Import) -> Self {
        Self { name: import.name, meaning: import.meaning.to_owned() }
    }
}

impl From<Capability> for KeptCapability {
    fn from(name: Capability) -> Self {
        Self { name, meaning: name.meaning().to_owned() }
    }
}
