//! Checks what only shows when all steps are looked at together: names, dependencies, circles, sizes.

use std::collections::BTreeMap;

use super::parse::StepDraft;
use super::problem::{Problem, Problems, shown};
use super::{Manifest, Settings};
use crate::backoff::Backoff;
use crate::code::Code;
use crate::duration::Ms;
use crate::graph::cycles;
use crate::limits::{MAX_EDGES, MAX_STEPS};
use crate::near::nearest;

/// Names of a circle that are printed.
const MAX_SHOWN: usize = 20;

/// Adds what is wrong with the graph; answers nothing else when it is too large to look at.
pub(super) fn graph(flow: &str, steps: &[StepDraft], problems: &mut Problems) {
    if let Some(problem) = too_large(steps) {
        problems.push(problem);
        return;
    }
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, step) in steps.iter().enumerate() {
        let Some(name) = step.name.as_deref() else { continue };
        if let Some(first) = places.get(name) {
            let line = steps.get(*first).and_then(|first| first.place.line);
            let at = line.map_or_else(String::new, |line| format!(" (line {line})"));
            let detail =
                format!("another step{at} is named `{}` too; rename one of them", shown(name));
            problems.push(Problem::new(Code::ManifestDuplicateStep, &step.place, detail));
        } else {
            places.insert(name, index);
        }
    }
    let mut needs = Vec::with_capacity(steps.len());
    for step in steps {
        needs.push(dependencies(flow, step, &places, problems));
    }
    for step in steps {
        absences(step, problems);
    }
    for (step, needs) in steps.iter().zip(&needs) {
        if step.map && needs.len() > 1 {
            let detail = format!(
                "map step `{}` needs {} steps and can need one, whose array it goes through; join them in a step \
                 before it, or drop `map`",
                shown(step.name.as_deref().unwrap_or_default()),
                needs.len()
            );
            problems.push(Problem::new(Code::ManifestBadMap, &step.place, detail));
        }
    }
    for cycle in cycles(&needs) {
        problems.push(circle(steps, &cycle));
    }
}

fn too_large(steps: &[StepDraft]) -> Option<Problem> {
    let edges: usize = steps.iter().map(|step| step.needs.len()).sum();
    let (count, most, what) = if steps.len() > MAX_STEPS {
        (steps.len(), MAX_STEPS, "steps")
    } else if edges > MAX_EDGES {
        (edges, MAX_EDGES, "dependencies")
    } else {
        return None;
    };
    let detail = format!(
        "the flow has {count} {what} and may have {most}; a map step can stand for many steps"
    );
    Some(Problem::new(Code::ManifestTooLarge, &super::Place::default(), detail))
}

/// The places of the steps that a step needs, each once.
fn dependencies(
    flow: &str,
    step: &StepDraft,
    places: &BTreeMap<&str, usize>,
    problems: &mut Problems,
) -> Vec<usize> {
    let mut needs = Vec::new();
    let name = shown(step.name.as_deref().unwrap_or_default());
    for (needed, place) in &step.needs {
        match places.get(needed.as_str()) {
            Some(index) if needs.contains(index) => {
                let detail =
                    format!("step `{name}` needs `{}` twice; once is enough", shown(needed));
                problems.push(Problem::new(Code::ManifestDuplicateDependency, place, detail));
            }
            Some(index) => needs.push(*index),
            None => {
                let detail = format!(
                    "step `{name}` needs `{}`, which is not in flow `{flow}`; add the step or remove it from `needs`",
                    shown(needed)
                );
                let problem = Problem::new(Code::ManifestUnknownDependency, place, detail);
                problems.push(problem.suggesting(nearest(needed, places.keys().copied())));
            }
        }
    }
    needs
}

/// Only what a step needs can have been skipped before it.
fn absences(step: &StepDraft, problems: &mut Problems) {
    let needed = || step.needs.iter().map(|(needed, _)| needed.as_str());
    for (name, place) in &step.when_skipped {
        if !needed().any(|needed| needed == name) {
            let detail = format!(
                "`when_skipped` names `{}`, which step `{}` does not need; add it to `needs`",
                shown(name),
                shown(step.name.as_deref().unwrap_or_default())
            );
            let problem = Problem::new(Code::ManifestUnknownDependency, place, detail);
            problems.push(problem.suggesting(nearest(name, needed())));
        }
    }
}

fn circle(steps: &[StepDraft], cycle: &[usize]) -> Problem {
    let name = |index: &usize| {
        let name = steps.get(*index).and_then(|step| step.name.as_deref());
        shown(name.unwrap_or_default())
    };
    let mut names: Vec<String> = cycle.iter().take(MAX_SHOWN).map(name).collect();
    if cycle.len() > MAX_SHOWN {
        names.push(format!("… {} more …", cycle.len() - MAX_SHOWN));
    }
    names.extend(cycle.first().map(name));
    let detail = format!(
        "steps need each other in a circle: {}; remove one of these dependencies",
        names.join(" -> ")
    );
    let place = cycle.first().and_then(|index| steps.get(*index)).map(|step| step.place.clone());
    Problem::new(Code::ManifestCycle, &place.unwrap_or_default(), detail)
}

/// Adds a problem for each step (or the defaults) whose first delay is longer than the longest.
pub(super) fn backoffs(manifest: &Manifest, problems: &mut Problems) {
    let too_long = |settings: &Settings| {
        let backoff: Backoff = settings.options().backoff;
        (backoff.base_ms > backoff.max_ms).then(|| {
            let (base, max) = (Ms(backoff.base_ms), Ms(backoff.max_ms));
            format!("`base` of the backoff is `{base}`, longer than its `max` of `{max}`; raise `max` too")
        })
    };
    if let Some(detail) = too_long(&manifest.defaults) {
        let place = super::Place { pointer: "/defaults/backoff".to_owned(), line: None };
        problems.push(Problem::new(Code::ManifestConflictingFields, &place, detail));
        return;
    }
    for step in &manifest.steps {
        if let Some(detail) = too_long(&step.settings.over(&manifest.defaults)) {
            problems.push(Problem::new(Code::ManifestConflictingFields, &step.place, detail));
        }
    }
}
