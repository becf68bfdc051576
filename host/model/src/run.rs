//! What is known about one run: which steps ended, with which outputs.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::change::{Join, SkipReason, TaskKey};
use crate::definition::{Options, StepIndex};
use crate::json::Json;
use crate::limits::MAX_ANSWERS_BYTES;
use crate::options::RunOptions;
use crate::outcome::Input;
use crate::plan::Plan;
use crate::status::{RunStatus, StepStatus};

/// One run as its owner knows it.
///
/// An owner of one branch knows that branch: what other branches did is in the store, and so are the counters
/// where they meet. A replay of the whole history knows everything and counts for itself; see [`Counting`].
#[derive(Clone, Debug)]
pub struct RunState {
    plan: Arc<Plan>,
    input: Json,
    options: Option<Arc<RunOptions>>,
    pub(crate) counting: Counting,
    pub(crate) steps: Vec<StepState>,
    pub(crate) run_arrived: u32,
    pub(crate) end: Option<RunStatus>,
}

/// Who decides that everything a join waits for has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// This state, which sees every outcome of the run.
    Here,
    /// The store's counters: other owners may be at work on the same run.
    Store,
}

/// One step of one run. A map step is a count and its outputs, never an object for each task.
#[derive(Clone, Debug)]
pub(crate) struct StepState {
    pub(crate) status: StepStatus,
    /// Why it was skipped, once it was.
    pub(crate) skipped: Option<SkipReason>,
    /// Tasks the step has, once that is known.
    pub(crate) width: Option<u32>,
    pub(crate) completed: u32,
    /// What a join of this step has counted.
    pub(crate) arrived: u32,
    pub(crate) output: Output,
    /// Bytes of the answers of a map step's tasks that are kept here.
    bytes: usize,
    /// There were more of them than a step that is no map may be given.
    is_too_large: bool,
    /// Where the elements of a map step's source are in its text.
    elements: Option<Arc<[Range<usize>]>>,
}

/// The output of a step, as far as it is known.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Not loaded, or not there yet.
    Unknown,
    /// The answer of a step's one task.
    One(Json),
    /// The answers of a map step's tasks, in index order.
    Elements(Vec<Option<Json>>),
}

impl RunState {
    /// A run of which nothing is known but its input.
    pub fn new(plan: Arc<Plan>, input: Json, counting: Counting) -> Self {
        let fresh = |_| StepState {
            status: StepStatus::Created,
            skipped: None,
            width: None,
            completed: 0,
            arrived: 0,
            output: Output::Unknown,
            bytes: 0,
            is_too_large: false,
            elements: None,
        };
        let steps = plan.indexes().map(fresh).collect();
        Self { plan, input, options: None, counting, steps, run_arrived: 0, end: None }
    }

    /// The same run with what its start said about attempts.
    #[must_use]
    pub fn with_options(mut self, options: Option<Arc<RunOptions>>) -> Self {
        self.options = options;
        self
    }

    /// How the attempts of a step are limited and repeated in this run.
    pub fn options(&self, step: StepIndex) -> Options {
        let of_step = self.plan.step(step).options;
        self.options.as_ref().map_or(of_step, |said| said.over(of_step))
    }

    /// The flow version the run is pinned to.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The input the run was started with.
    pub fn input(&self) -> &Json {
        &self.input
    }

    /// How the run ended, once it did.
    pub fn end(&self) -> Option<RunStatus> {
        self.end
    }

    /// Where a step is, as far as this owner knows.
    pub fn status(&self, step: StepIndex) -> StepStatus {
        self.steps[step.at()].status
    }

    /// Tasks of a step and how many of them completed, once that is known.
    pub fn progress(&self, step: StepIndex) -> Option<(u32, u32)> {
        let state = &self.steps[step.at()];
        state.width.map(|width| (state.completed, width))
    }

    /// Takes note of a recorded answer. It decides nothing: the rule does when the token moves on.
    pub fn learn(&mut self, task: TaskKey, output: Json) {
        if self.plan.step(task.step).map {
            self.keep_element(task, output);
        } else {
            self.steps[task.step.at()].output = Output::One(output);
        }
    }

    /// Takes note that a step was skipped.
    pub fn learn_skipped(&mut self, step: StepIndex, reason: SkipReason) {
        let state = &mut self.steps[step.at()];
        (state.status, state.skipped) = (StepStatus::Skipped, Some(reason));
    }

    /// Why a step was skipped, as far as this owner knows.
    pub fn skip_reason(&self, step: StepIndex) -> Option<SkipReason> {
        self.steps[step.at()].skipped
    }

    /// True when this owner knows what a step that ended hands on: its output, or that it was skipped.
    pub fn is_known(&self, step: StepIndex) -> bool {
        self.skip_reason(step).is_some() || self.output(step).is_some()
    }

    pub(crate) fn has_completed(&self, step: StepIndex) -> bool {
        self.status(step) == StepStatus::Completed || self.output(step).is_some()
    }

    /// Takes note of how many tasks a map step has.
    pub fn learn_width(&mut self, step: StepIndex, width: u32) {
        self.steps[step.at()].width = Some(width);
    }

    /// Forgets what this owner derived for `step` and everything after it: its token was taken away and has come back,
    /// and what was not recorded did not happen.
    pub fn rewind(&mut self, step: StepIndex) {
        let plan = Arc::clone(&self.plan);
        self.end = None;
        for after in plan.descendants(step).into_iter().chain([step]) {
            let state = &mut self.steps[after.at()];
            state.status = StepStatus::Created;
            state.skipped = None;
            state.arrived = 0;
            if after != step {
                state.output = Output::Unknown;
                (state.bytes, state.is_too_large) = (0, false);
                state.completed = 0;
            }
        }
    }

    /// The output of a step when every part of it is known: for a map step the array in index order.
    pub fn output(&self, step: StepIndex) -> Option<Json> {
        let state = &self.steps[step.at()];
        if state.skipped.is_some() {
            // Some tasks of a map step may have answered before.
            return None;
        }
        match &state.output {
            Output::One(json) => Some(json.clone()),
            Output::Elements(elements) => assemble(elements, state.width?),
            Output::Unknown if self.plan.step(step).map && state.width == Some(0) => {
                Some(Json::trusted("[]"))
            }
            Output::Unknown => None,
        }
    }

    /// What the handler of a task gets; `None` when a part of it is not known here.
    pub fn input_of(&mut self, task: TaskKey) -> Option<Input> {
        let plan = Arc::clone(&self.plan);
        let step = plan.step(task.step);
        if step.map {
            return self.element_of(task).map(Input::Element);
        }
        if step.needs.is_empty() {
            return Some(Input::Flow(self.input.clone()));
        }
        let dep =
            |needed: &StepIndex| Some((plan.step(*needed).name.clone(), self.output(*needed)?));
        // What was skipped is absent.
        let given = step.needs.iter().filter(|needed| self.skip_reason(**needed).is_none());
        given.map(dep).collect::<Option<Vec<_>>>().map(Input::Deps)
    }

    /// How many tasks a map step has; `None` while what it is over is not known here or is not an array.
    pub fn map_width(&mut self, step: StepIndex) -> Option<u32> {
        self.count_elements(step)?.ok()
    }

    /// The value a map step is over: its dependency's output, or the run's input.
    pub(crate) fn source_of(&self, step: StepIndex) -> Option<Json> {
        match self.plan.step(step).needs.first() {
            Some(needed) => self.output(*needed),
            None => Some(self.input.clone()),
        }
    }

    /// How many of what `join` waits for there are.
    pub(crate) fn arrivals_of(&self, join: Join) -> u32 {
        let count = match join {
            Join::Step(step) if self.plan.step(step).map => {
                return self.steps[step.at()].width.unwrap_or(u32::MAX);
            }
            Join::Step(step) => self.plan.step(step).needs.len(),
            Join::Run => self.plan.leaves().len(),
        };
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Keeps an answer as long as somebody may be given it; of more than anybody may be given, the newest.
    pub(crate) fn keep_element(&mut self, task: TaskKey, output: Json) {
        let is_bounded = self.counting == Counting::Store;
        if is_bounded && self.plan.dependents(task.step).is_empty() {
            return;
        }
        let state = &mut self.steps[task.step.at()];
        if is_bounded && state.bytes + output.as_str().len() > MAX_ANSWERS_BYTES {
            state.is_too_large = true;
            state.forget_elements();
        }
        if let Output::Unknown = state.output {
            state.output = Output::Elements(Vec::new());
        }
        if let Output::Elements(elements) = &mut state.output {
            let at = task.index as usize;
            if elements.len() <= at {
                elements.resize(at + 1, None);
            }
            state.bytes += output.as_str().len();
            if let Some(before) = elements[at].replace(output) {
                state.bytes -= before.as_str().len();
            }
        }
    }

    /// Makes room for answers that are about to be learned, so that all of them are kept.
    pub fn make_room(&mut self, answers: &[(TaskKey, Json)]) {
        let mut wanted: BTreeMap<StepIndex, usize> = BTreeMap::new();
        for (task, output) in answers.iter().filter(|(task, _)| self.plan.step(task.step).map) {
            *wanted.entry(task.step).or_default() += output.as_str().len();
        }
        for (step, bytes) in wanted {
            let state = &mut self.steps[step.at()];
            if state.bytes + bytes > MAX_ANSWERS_BYTES {
                state.forget_elements();
            }
        }
    }

    /// Takes note that the answers of the map steps among these are more than a step that is no map may be given.
    pub fn mark_too_large(&mut self, steps: &[StepIndex]) {
        for step in steps.iter().filter(|step| self.plan.step(**step).map) {
            self.steps[step.at()].is_too_large = true;
        }
    }

    /// A map step whose answers, with those of the others, are more than `step` may be given.
    pub(crate) fn too_large_for(&self, step: StepIndex) -> Option<StepIndex> {
        if self.plan.takes_elements(step) {
            return None;
        }
        let needs = &self.plan.step(step).needs;
        let whole: usize = needs.iter().map(|needed| self.answered_bytes(*needed)).sum();
        let largest = needs.iter().max_by_key(|needed| self.answered_bytes(**needed));
        largest.copied().filter(|_| whole > MAX_ANSWERS_BYTES)
    }

    /// Bytes of a map step's answers, as far as they are known here; more than any step may be given where that is all that is known.
    fn answered_bytes(&self, step: StepIndex) -> usize {
        let state = &self.steps[step.at()];
        match (self.counting, state.is_too_large) {
            (Counting::Here, _) => 0,
            (Counting::Store, true) => MAX_ANSWERS_BYTES + 1,
            (Counting::Store, false) => state.bytes,
        }
    }

    /// Forgets the answers that nobody here is given any more, once `step` has completed.
    pub(crate) fn forget_answers(&mut self, step: StepIndex) {
        if self.counting == Counting::Here {
            return;
        }
        let plan = Arc::clone(&self.plan);
        for done in plan.step(step).needs.iter().chain([&step]) {
            let ended = |dependent: &StepIndex| self.status(*dependent).is_ended();
            if plan.dependents(*done).iter().all(ended) {
                let is_whole = self.has_completed(*done);
                let state = &mut self.steps[done.at()];
                if is_whole {
                    state.status = StepStatus::Completed;
                }
                state.elements = None;
                state.forget_elements();
            }
        }
    }

    /// The number of elements a map step is over; an error names the type that is not an array.
    pub(crate) fn count_elements(&mut self, step: StepIndex) -> Option<Result<u32, &'static str>> {
        if let Some(width) = self.steps[step.at()].width {
            return Some(Ok(width));
        }
        let needed = self.plan.step(step).needs.first();
        if needed.is_some_and(|needed| self.skip_reason(*needed).is_some()) {
            return Some(Ok(0));
        }
        if let Some(needed) = needed
            && self.plan.step(*needed).map
        {
            return self.steps[needed.at()].width.map(Ok);
        }
        let source = self.source_of(step)?;
        let Some(elements) = source.elements() else {
            return Some(Err(source.type_name()));
        };
        let count = u32::try_from(elements.len()).unwrap_or(u32::MAX);
        self.steps[step.at()].elements = Some(elements.into());
        Some(Ok(count))
    }

    fn element_of(&mut self, task: TaskKey) -> Option<Json> {
        let at = task.index as usize;
        if let Some(needed) = self.plan.step(task.step).needs.first().copied()
            && let Output::Elements(elements) = &self.steps[needed.at()].output
        {
            return elements.get(at)?.clone();
        }
        let source = self.source_of(task.step)?;
        if self.steps[task.step.at()].elements.is_none() {
            self.steps[task.step.at()].elements = Some(source.elements()?.into());
        }
        let span = self.steps[task.step.at()].elements.as_ref()?.get(at)?.clone();
        Some(source.element(&span))
    }
}

impl StepState {
    fn forget_elements(&mut self) {
        self.output = Output::Unknown;
        self.bytes = 0;
    }
}

/// The array of all elements, when all are known.
fn assemble(elements: &[Option<Json>], width: u32) -> Option<Json> {
    if elements.len() != width as usize {
        return None;
    }
    let mut text = String::from("[");
    for (at, element) in elements.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        text.push_str(element.as_ref()?.as_str());
    }
    text.push(']');
    Some(Json::trusted(text))
}
