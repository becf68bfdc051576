//! A definition made ready to run: who depends on whom, where runs begin and end.

use crate::definition::{Definition, Step, StepIndex};

/// A definition and the edges derived from it. Shared by every run of the version.
#[derive(Debug)]
pub struct Plan {
    /// What was registered.
    pub definition: Definition,
    dependents: Vec<Vec<StepIndex>>,
    roots: Vec<StepIndex>,
    leaves: Vec<StepIndex>,
}

impl Plan {
    /// Derives the edges of a definition, which must have passed registration: no cycles, no unknown steps.
    pub fn new(definition: Definition) -> Self {
        let mut dependents = vec![Vec::new(); definition.steps.len()];
        let mut roots = Vec::new();
        for (step, at) in definition.steps.iter().zip(0..) {
            let index = StepIndex(at);
            if step.needs.is_empty() {
                roots.push(index);
            }
            for needed in &step.needs {
                dependents[needed.at()].push(index);
            }
        }
        let leaves = (0..)
            .zip(&dependents)
            .filter(|(_, dependents)| dependents.is_empty())
            .map(|(at, _)| StepIndex(at))
            .collect();
        Self { definition, dependents, roots, leaves }
    }

    /// The step at `index`.
    pub fn step(&self, index: StepIndex) -> &Step {
        &self.definition.steps[index.at()]
    }

    /// Every step's index, in the author's order.
    pub fn indexes(&self) -> impl Iterator<Item = StepIndex> + use<> {
        (0..u16::try_from(self.definition.steps.len()).unwrap_or(u16::MAX)).map(StepIndex)
    }

    /// The step with this name.
    pub fn find(&self, name: &str) -> Option<StepIndex> {
        self.indexes().find(|index| self.step(*index).name.as_str() == name)
    }

    /// The steps that need `index`.
    pub fn dependents(&self, index: StepIndex) -> &[StepIndex] {
        &self.dependents[index.at()]
    }

    /// The steps without dependencies.
    pub fn roots(&self) -> &[StepIndex] {
        &self.roots
    }

    /// The steps nobody needs: their outputs are the run's output.
    pub fn leaves(&self) -> &[StepIndex] {
        &self.leaves
    }

    /// True when a map step is given the answers of another one, one by one, and needs none of them to open.
    pub fn takes_elements(&self, index: StepIndex) -> bool {
        let step = self.step(index);
        let over_map = step.needs.first().is_some_and(|needed| self.step(*needed).map);
        step.map && over_map && step.condition.is_always()
    }

    /// Every step that can only start after `index`, nearest first.
    pub fn descendants(&self, index: StepIndex) -> Vec<StepIndex> {
        let mut seen = vec![false; self.dependents.len()];
        let mut found = self.dependents(index).to_vec();
        let mut next = 0;
        while let Some(step) = found.get(next).copied() {
            next += 1;
            if std::mem::replace(&mut seen[step.at()], true) {
                continue;
            }
            found.extend(self.dependents(step).iter().filter(|d| !seen[d.at()]));
        }
        let mut once = vec![false; self.dependents.len()];
        found.retain(|step| !std::mem::replace(&mut once[step.at()], true));
        found
    }
}
