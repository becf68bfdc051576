//! Reads `chain = ["clean", "score"]`: handlers of one component, each after the one before.

use super::parse::StepDraft;
use super::problem::{Place, shown};
use super::read::{Reader, Table};
use super::{ComponentRef, ManifestCondition, ManifestStep, Settings};
use crate::code::Code;
use crate::grant::Grants;
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
        grants: Grants::default(),
        settings: Settings::default(),
        input_schema: None,
        output_schema: None,
        place: place.clone(),
    }
}

#[cfg(test)]
mod tests {
    use crate::definition::{Definition, StepIndex};
    use crate::id::Digest;
    use crate::manifest::{Manifest, Sources, no_files};

    use super::*;

    fn resolved(text: &str) -> Definition {
        let mut component = |named: &ComponentRef| Ok(Digest::of(named.as_str().as_bytes()).into());
        let sources = Sources { component: &mut component, schema: &mut no_files };
        Manifest::from_toml(text).unwrap().resolve(sources).unwrap()
    }

    #[test]
    fn a_chain_is_a_step_for_each_handler_after_the_one_before() {
        let text = "flow = \"f\"\nchain = [\"clean\", \"score\", \"report\"]\n[defaults]\ncomponent = \"c\"\ntimeout = \"3s\"\n";
        let definition = resolved(text);
        let step = |at: usize| &definition.steps[at];
        let lines: Vec<_> =
            (0..3).map(|at| (step(at).handler.as_str(), step(at).needs.clone())).collect();
        assert_eq!(
            lines,
            [("clean", vec![]), ("score", vec![StepIndex(0)]), ("report", vec![StepIndex(1)])]
        );
        assert_eq!((step(2).name.as_str(), step(2).options.limits.timeout_ms), ("report", 3_000));
        for (text, code) in [
            (text.replace("\"score\"", "\"clean\""), Code::ManifestDuplicateStep),
            (text.replace("\"score\"", "\"1\""), Code::ManifestBadName),
            (text.replace("component = \"c\"\n", ""), Code::ManifestMissingField),
            (text.replace("[\"clean\", \"score\", \"report\"]", "[]"), Code::ManifestMissingField),
            (format!("{text}[[step]]\nname = \"x\"\n"), Code::ManifestConflictingFields),
        ] {
            let found: Vec<_> = Manifest::from_toml(&text)
                .unwrap_err()
                .problems
                .iter()
                .map(|problem| problem.code)
                .collect();
            assert_eq!(found, [code], "{text}");
        }
    }
}
