//! A flow version ready to run: its graph and its schemas, compiled once.

use std::sync::Arc;

use crate::change::{SkipReason, TaskKey};
use crate::code::Code;
use crate::definition::{Definition, StepIndex};
use crate::json::{Json, Refusal};
use crate::plan::Plan;
use crate::run::{Counting, RunState};
use crate::schema::Schema;

/// A flow version ready to run. Shared by every run of it.
#[derive(Debug)]
pub struct Version {
    /// The graph.
    pub plan: Arc<Plan>,
    /// Where runs begin.
    pub roots: Arc<[StepIndex]>,
    input_schema: Option<Schema>,
    steps: Vec<StepSchemas>,
}

#[derive(Debug)]
struct StepSchemas {
    input: Option<Schema>,
    output: Option<Schema>,
}

impl Version {
    /// Reads a stored definition.
    pub fn read(definition: &Json) -> Result<Self, String> {
        let definition = Definition::from_json(definition).map_err(|why| why.to_string())?;
        let compile = |schema: &Option<Json>| {
            let compiled = schema.as_ref().map(Schema::compile);
            compiled.transpose().map_err(|why| why.to_string())
        };
        let steps = definition.steps.iter().map(|step| {
            let (input, output) = (compile(&step.input_schema)?, compile(&step.output_schema)?);
            Ok(StepSchemas { input, output })
        });
        let steps = steps.collect::<Result<_, String>>()?;
        let input_schema = compile(&definition.input_schema)?;
        let plan = Arc::new(Plan::new(definition));
        let roots = plan.roots().into();
        Ok(Self { plan, roots, input_schema, steps })
    }

    /// What every attempt of the step must be given.
    pub fn input_schema(&self, step: StepIndex) -> Option<&Schema> {
        self.steps[step.at()].input.as_ref()
    }

    /// What every attempt of the step must answer.
    pub fn output_schema(&self, step: StepIndex) -> Option<&Schema> {
        self.steps[step.at()].output.as_ref()
    }

    /// Whether a run can start with this input: what a root maps over is an array, and the flow's schema is met.
    pub fn check_input(&self, input: &Json) -> Result<(), Refusal> {
        let found = input.type_name();
        let maps = self.roots.iter().find(|root| self.plan.step(**root).map);
        if let Some(root) = maps.filter(|_| found != "array") {
            let name = &self.plan.step(*root).name;
            let detail = format!(
                "step `{name}` maps over the run's input, which must be an array and is {found}"
            );
            let (code, pointer) = (Code::RunNotAnArray, String::new());
            return Err(Refusal { code, pointer, offset: 0, detail });
        }
        self.input_schema.as_ref().map_or(Ok(()), |schema| schema.check(input))
    }

    /// The output of a completed run: an object of the outputs of its leaf steps, of those that completed; `null` where
    /// there is none.
    pub fn output_of_run(
        &self,
        input: Json,
        outputs: Vec<(TaskKey, Json)>,
        skipped: Vec<(StepIndex, SkipReason)>,
    ) -> Json {
        let leaves = self.plan.leaves();
        let whole = self.knowing(input, leaves, outputs, skipped);
        let member = |leaf: &StepIndex| Some((&self.plan.step(*leaf).name, whole.output(*leaf)?));
        let mut members = leaves.iter().filter_map(member).peekable();
        if members.peek().is_none() { Json::null() } else { Json::object(members) }
    }

    /// A run of which only what these steps ended in is known; a map step is as wide as it has answers.
    pub fn knowing(
        &self,
        input: Json,
        steps: &[StepIndex],
        outputs: Vec<(TaskKey, Json)>,
        skipped: Vec<(StepIndex, SkipReason)>,
    ) -> RunState {
        let mut state = RunState::new(Arc::clone(&self.plan), input, Counting::Here);
        for step in steps.iter().copied().filter(|step| self.plan.step(*step).map) {
            let width = outputs.iter().filter(|(task, _)| task.step == step).count();
            state.learn_width(step, u32::try_from(width).unwrap_or(u32::MAX));
        }
        for (task, output) in outputs {
            state.learn(task, output);
        }
        for (step, reason) in skipped {
            state.learn_skipped(step, reason);
        }
        state
    }
}
