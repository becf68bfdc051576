//! Running a run again from a step: what is kept of it, and where it goes on.

use crate::change::SkipReason;
use crate::definition::StepIndex;
use crate::plan::Plan;
use crate::run::RunState;
use crate::status::StepStatus;

/// What is kept of a run that is run again, and what has to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rerun {
    /// Steps whose outcomes are kept: their place in the version the run was on, and in the new one.
    pub kept: Vec<(StepIndex, StepIndex)>,
    /// Steps that open at once, of the new version.
    pub opens: Vec<StepIndex>,
    /// What has arrived at joins of the new version, and how much each waits for; `None` is the run itself.
    pub arrivals: Vec<(Option<StepIndex>, u32, u32)>,
}

impl Rerun {
    /// Runs `before` again on `plan`, from this step and everything after it; without one from the beginning. What ended
    /// well elsewhere and was not undone is kept, where the new version has a step of the same name that needs only what is kept too.
    pub fn of(
        before: &RunState,
        plan: &Plan,
        from: Option<StepIndex>,
        undone: &[StepIndex],
    ) -> Self {
        let Some(from) = from else {
            return Self { opens: plan.roots().to_vec(), ..Self::default() };
        };
        let again: Vec<StepIndex> = plan.descendants(from).into_iter().chain([from]).collect();
        let mut kept: Vec<Option<StepIndex>> = plan.indexes().map(|_| None).collect();
        // A step comes after what it needs only in the graph, not in the author's order.
        for _ in plan.indexes() {
            let mut is_settled = true;
            for step in plan.indexes().filter(|step| !again.contains(step)) {
                let ready = plan.step(step).needs.iter().all(|need| kept[need.at()].is_some());
                if kept[step.at()].is_none() && ready {
                    let old = kept_from(before, plan, step);
                    kept[step.at()] = old.filter(|old| !undone.contains(old));
                    is_settled &= kept[step.at()].is_none();
                }
            }
            if is_settled {
                break;
            }
        }
        let is_kept = |step: &StepIndex| kept[step.at()].is_some();
        let mut rerun = Self::default();
        for step in plan.indexes() {
            let needs = &plan.step(step).needs;
            let arrived = needs.iter().filter(|need| is_kept(need)).count();
            if let Some(old) = kept[step.at()] {
                rerun.kept.push((old, step));
                if let Some((_, width)) = before.progress(old).filter(|_| plan.step(step).map) {
                    rerun.arrivals.push((Some(step), width, width));
                }
            } else if arrived == needs.len() {
                rerun.opens.push(step);
            } else if arrived > 0 {
                rerun.arrivals.push((Some(step), count(arrived), count(needs.len())));
            }
        }
        let leaves = plan.leaves();
        let ended = leaves.iter().filter(|leaf| is_kept(leaf)).count();
        if ended > 0 && leaves.len() > 1 {
            rerun.arrivals.push((None, count(ended), count(leaves.len())));
        }
        rerun
    }
}

/// The step of the old version whose outcome a step of the new one can keep.
fn kept_from(before: &RunState, plan: &Plan, step: StepIndex) -> Option<StepIndex> {
    let old = before.plan().find(plan.step(step).name.as_str())?;
    let same_shape = before.plan().step(old).map == plan.step(step).map;
    let ended_well = match before.status(old) {
        StepStatus::Completed => true,
        StepStatus::Skipped => before.skip_reason(old) != Some(SkipReason::DependencyFailed),
        StepStatus::Created | StepStatus::Started | StepStatus::Failed | StepStatus::Cancelled => {
            false
        }
    };
    (same_shape && ended_well).then_some(old)
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
