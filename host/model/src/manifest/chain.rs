//! Reads `chain = ["clean", "score"]`: handlers of one component, each after the one before.

use super::parse::StepDraft;
use super::problem::{Place, shown};
use super::read::{Reader, Table};
use super::{ComponentRef, ManifestCondition, ManifestStep, Settings};
use crate::code::Code;
use crate::name::Name;

/// A step for each handler; each needs the one before it.
pub(super) fn steps(
    reader: &mut Reader,
    root: &Table<'_>,
    component: Option<&ComponentRef>,
) -> (Vec<ManifestStep>, Vec<StepDraft>) {
    if let Some(field) = reader.field(root, "step") {
        let detail = "`chain` makes the steps itself; keep it or `[[step]]`, not both";
        reader.problem(Code::ManifestConflictingFields, &field.place, detail);
    }
    if component.is_none() {
        let place = reader.field(root, "chain").map(|field| field.place).unwrap_or_default();
        let detail =
            "`chain` names handlers of the component in `[defaults]`; add `component` there";
        reader.problem(Code::ManifestMissingField, &place, detail);
    }
    let handlers = reader.texts(root, "chain");
    if handlers.is_empty() && reader.problems.is_empty() {
        reader.missing(root, "chain", "chain = [\"clean\", \"score\"]");
    }
    let mut steps: Vec<ManifestStep> = Vec::with_capacity(handlers.len());
    let mut drafts: Vec<StepDraft> = Vec::with_capacity(handlers.len());
    for (handler, place) in handlers {
        match handler.parse::<Name>() {
            Ok(name) => {
                let needs = steps.last().map(|before| before.name.clone());
                steps.extend(component.map(|component| link(name, needs, component, &place)));
            }
            Err(why) => {
                let detail = format!("`chain`: `{}`: {why}", shown(&handler));
                reader.problem(Code::ManifestBadName, &place, detail);
            }
        }
        let needs = drafts.last().and_then(|before| before.name.clone()).into_iter();
        let needs = needs.map(|before| (before, place.clone())).collect();
        let (name, map, when_skipped) = (Some(handler), false, Vec::new());
        drafts.push(StepDraft { name, place, needs, map, when_skipped });
    }
    (steps, drafts)
}

fn link(name: Name, needs: Option<Name>, component: &ComponentRef, place: &Place) -> ManifestStep {
    ManifestStep {
        handler: name.as_str().to_owned(),
        name,
        component: Some(component.clone()),
        builtin: None,
        needs: needs.into_iter().collect(),
        map: false,
        condition: ManifestCondition::default(),
        start_delay_ms: 0,
        concurrency: None,
        rate_limit: None,
        abandon_children: false,
        settings: Settings::default(),
        input_schema: None,
        output_schema: None,
        place: place.clone(),
    }
}
