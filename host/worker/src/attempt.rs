//! One attempt: the input is checked, the sandbox called, the answer checked.

use std::sync::Arc;

use model::{
    ClosedAttempt, Code, Failure, FailureKind, Gate, Input, Json, LogLine, Outcome, Receipt,
    Refusal, RunId, Step, TaskContext, TaskKey,
};
use sandbox::{Call, Ended, LoadError, Stop};
use store::{Held, RunFacts};
use tokio::sync::mpsc;

use crate::Shared;
use crate::lane::Message;
use crate::seats::Seat;
use crate::versions::Version;

/// An attempt to make.
pub(crate) struct Attempt {
    pub(crate) held: Held,
    pub(crate) run: Arc<RunFacts>,
    pub(crate) version: Arc<Version>,
    pub(crate) task: TaskKey,
    pub(crate) attempt: u32,
    pub(crate) input: Input,
    pub(crate) stop: Stop,
    pub(crate) seat: Seat,
}

/// An attempt that ended.
pub(crate) struct Closed {
    pub(crate) held: Held,
    pub(crate) run_id: RunId,
    pub(crate) task: TaskKey,
    pub(crate) attempt: u32,
    /// `None`: it was cancelled.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) receipt: Receipt,
    pub(crate) log: Vec<LogLine>,
}

impl Closed {
    /// What the rule wants to know.
    pub(crate) fn for_rule(&self, outcome: Outcome, lost: u32) -> ClosedAttempt {
        let draw = model::backoff::Draw(rand::random::<f64>());
        ClosedAttempt { task: self.task, attempt: self.attempt, lost, outcome, draw }
    }
}

/// Answers for its attempt whatever happens: if the host panics, the attempt ends as `host_internal`.
struct Answerer {
    lane: mpsc::UnboundedSender<Message>,
    closed: Option<Closed>,
}

impl Answerer {
    fn answer(mut self, outcome: Option<Outcome>, receipt: Receipt, log: Vec<LogLine>) {
        if let Some(closed) = &mut self.closed {
            closed.outcome = outcome;
            closed.receipt = receipt;
            closed.log = log;
        }
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        if let Some(closed) = self.closed.take() {
            // A lane that ended has given the token back.
            let _ = self.lane.send(Message::Closed(Box::new(closed)));
        }
    }
}

/// Starts the attempt in a task of its own; the lane hears of its end.
pub(crate) fn launch(shared: &Arc<Shared>, attempt: Attempt) {
    let shared = Arc::clone(shared);
    let panicked =
        Failure::new(FailureKind::HostInternal, "the host failed while it ran the attempt");
    let answerer = Answerer {
        lane: shared.lane_of(attempt.run.run_id).clone(),
        closed: Some(Closed {
            held: attempt.held,
            run_id: attempt.run.run_id,
            task: attempt.task,
            attempt: attempt.attempt,
            outcome: Some(Outcome::Fail(panicked)),
            receipt: Receipt::default(),
            log: Vec::new(),
        }),
    };
    tokio::spawn(async move {
        let (outcome, receipt, log) = make(&shared, attempt).await;
        answerer.answer(outcome, receipt, log);
    });
}

type Made = (Option<Outcome>, Receipt, Vec<LogLine>);

async fn make(shared: &Shared, attempt: Attempt) -> Made {
    let Attempt { run, version, task, attempt, input, stop, seat, .. } = attempt;
    let _seat = seat;
    let step = version.plan.step(task.step);
    if let Some(schema) = version.input_schema(task.step)
        && let Err(refusal) = schema.check(&value_of(&input))
    {
        let failure = mismatch(step, "was given an input that does not match its schema", &refusal);
        return (Some(Outcome::Fail(failure)), Receipt::default(), Vec::new());
    }
    let (store, tenant, digest) = (&shared.store, run.tenant, step.component);
    let bytes = || async move {
        // Without the bytes the component counts as absent, which is tried again.
        store.get_component_bytes(tenant, digest).await.ok().flatten()
    };
    let compiled = match shared.sandbox.load(tenant, digest, bytes).await {
        Ok(compiled) => compiled,
        Err(error) => {
            return (Some(Outcome::Fail(unavailable(&error))), Receipt::default(), Vec::new());
        }
    };
    let context = TaskContext {
        tenant: run.tenant_name.clone(),
        run_id: run.run_id,
        flow: version.plan.definition.flow.clone(),
        flow_version: run.version,
        step: step.name.clone(),
        handler: step.handler.clone(),
        index: task.index,
        attempt,
        max_attempts: u32::from(step.options.max_attempts.0),
        phase: String::new(),
        traceparent: run.traceparent.clone(),
    };
    let limits = step.options.limits;
    let flow_input = Some(run.input.clone());
    let report =
        shared.sandbox.call(&compiled, Call { input, context, flow_input, limits, stop }).await;
    let outcome = match report.ended {
        Ended::Answered(text) => Some(check(&version, task, text)),
        Ended::Failed(failure) => Some(Outcome::Fail(failure)),
        Ended::Cancelled => None,
    };
    (outcome, report.receipt, report.log)
}

/// The value a step's input schema is about: for a dependent step the object of its dependencies' outputs.
fn value_of(input: &Input) -> Json {
    match input {
        Input::Flow(json) | Input::Element(json) => json.clone(),
        Input::Deps(deps) => Json::object(deps.iter().map(|(name, json)| (name, json.clone()))),
    }
}

/// The gate and the schema: what passes is the outcome, what does not is a failure without the guest's bytes.
fn check(version: &Version, task: TaskKey, text: String) -> Outcome {
    let step = version.plan.step(task.step);
    let limit = usize::try_from(step.options.limits.output_bytes).unwrap_or(usize::MAX);
    let output = match Gate::of_bytes(limit).check(text.as_bytes()) {
        Ok(output) => output,
        Err(refusal) => {
            let kind = if refusal.code == Code::PayloadTooLarge {
                FailureKind::OutputTooLarge
            } else {
                FailureKind::InvalidOutput
            };
            let message = format!(
                "step `{}` answered what is not valid ({}): {refusal}",
                step.name, refusal.code
            );
            return Outcome::Fail(Failure::new(kind, message));
        }
    };
    if let Some(schema) = version.output_schema(task.step)
        && let Err(refusal) = schema.check(&output)
    {
        return Outcome::Fail(mismatch(step, "answered what does not match its schema", &refusal));
    }
    Outcome::Complete(output)
}

fn mismatch(step: &Step, what: &str, refusal: &Refusal) -> Failure {
    Failure::new(FailureKind::SchemaMismatch, format!("step `{}` {what}: {refusal}", step.name))
}

fn unavailable(error: &LoadError) -> Failure {
    let kind = match error {
        LoadError::Absent(_) | LoadError::Refused(_) => FailureKind::ComponentUnavailable,
        LoadError::Host(_) => FailureKind::HostInternal,
    };
    tracing::warn!(%error, "a component could not be loaded");
    Failure::new(kind, error.to_string())
}
