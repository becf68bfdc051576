//! What a guest said, checked: the gate, the schemas, names, numbers, children. What does not pass is a failure without
//! the guest's bytes.

use std::fmt::Display;

use model::limits::{
    MAX_AWAITED_NAMES, MAX_BACKOFF_MS, MAX_CHILDREN, MAX_DEPTH, MAX_KEY_BYTES, MAX_SLEEP_MS,
};
use model::{
    Code, Failure, FailureKind, Gate, GoOn, Json, Name, Outcome, RunId, Step, Version, Wait,
};
use sandbox::{Ended, SaidChild, SaidGoOn, SaidWait};
use store::{ChildRun, RunFacts};
use uuid::Uuid;

use crate::Shared;
use crate::attempt::{Extra, Try, mismatch};
use crate::prepare::patiently;

/// Reads what one attempt said.
pub(crate) struct Teller<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) run: &'a RunFacts,
    pub(crate) version: &'a Version,
    pub(crate) at: Try,
}

impl Teller<'_> {
    /// The outcome; `None`: the attempt was cancelled.
    pub(crate) async fn read(&self, ended: Ended) -> (Option<Outcome>, Extra) {
        let plain = |outcome| (Some(outcome), Extra::default());
        match ended {
            Ended::Answered(text) => plain(self.output(&text)),
            Ended::Skipped(reason) => plain(Outcome::Skip(reason)),
            Ended::Failed(failure) | Ended::GaveUp(failure) => plain(Outcome::Fail(failure)),
            Ended::Cancelled | Ended::Undecided | Ended::NoRoom => (None, Extra::default()),
            Ended::GoesOn(said) => match self.go_on(said).await {
                Ok((go_on, extra)) => (Some(Outcome::GoOn(go_on)), extra),
                Err(failure) => plain(Outcome::Fail(failure)),
            },
        }
    }

    fn step(&self) -> &Step {
        self.version.plan.step(self.at.task.step)
    }

    fn invalid(&self, what: impl Display) -> Failure {
        let message = format!("step `{}` answered what is not valid: {what}", self.step().name);
        Failure::new(FailureKind::InvalidOutput, message)
    }

    fn json(&self, what: &str, text: &str) -> Result<Json, Failure> {
        let limits = &self.step().options.limits;
        let limit = usize::try_from(limits.output_bytes).unwrap_or(usize::MAX);
        Gate::of_bytes(limit).check(text.as_bytes()).map_err(|refusal| {
            let is_large = refusal.code == Code::PayloadTooLarge;
            let kind =
                if is_large { FailureKind::OutputTooLarge } else { FailureKind::InvalidOutput };
            let (name, code) = (&self.step().name, refusal.code);
            let message =
                format!("step `{name}` answered {what} that is not valid ({code}): {refusal}");
            Failure::new(kind, message)
        })
    }

    fn output(&self, text: &str) -> Outcome {
        let output = match self.json("an output", text) {
            Ok(output) => output,
            Err(failure) => return Outcome::Fail(failure),
        };
        if let Some(schema) = self.version.output_schema(self.at.task.step)
            && let Err(refusal) = schema.check(&output)
        {
            let what = "answered what does not match its schema";
            return Outcome::Fail(mismatch(self.step(), what, &refusal));
        }
        Outcome::Complete(output)
    }

    async fn go_on(&self, said: SaidGoOn) -> Result<(GoOn, Extra), Failure> {
        let SaidGoOn { phase, state, wait } = said;
        let mut extra = Extra::default();
        if let Some(state) = state {
            extra.state = Some(self.json("a state", &state)?);
        }
        let wait = match wait {
            SaidWait::Next => Wait::Next,
            SaidWait::Retry { after_ms } => {
                Wait::Retry { after_ms: after_ms.map(|ms| ms.min(MAX_BACKOFF_MS)) }
            }
            SaidWait::Sleep { for_ms } => {
                Wait::Sleep { for_ms: self.at_most_a_year("sleep", for_ms)? }
            }
            SaidWait::AwaitSignals { names, timeout_ms } => {
                self.await_signals(names, timeout_ms)?
            }
            SaidWait::Spawn { children } => {
                extra.children = self.children(children).await?;
                self.admit(extra.children.len()).await?;
                Wait::Spawn { children: u32::try_from(extra.children.len()).unwrap_or(u32::MAX) }
            }
        };
        let phase = match phase {
            Some(phase) => self.name("the phase", &phase)?.to_string(),
            // A retry stays where it is; what is kept of the task knows where that is.
            None => String::new(),
        };
        Ok((GoOn { phase, wait }, extra))
    }

    /// Children are live runs like any other.
    async fn admit(&self, children: usize) -> Result<(), Failure> {
        let (store, tenant) = (&self.shared.store, self.run.tenant);
        let Some(over) = patiently(|| store.admit_runs(tenant, children as u64)).await? else {
            return Ok(());
        };
        let message = format!(
            "the tenant's quota `{}` of {} has no room for {children} children",
            over.field, over.limit
        );
        let mut failure = Failure::new(FailureKind::QuotaExceeded, message);
        failure.retry.retry_after_ms =
            Some(u64::try_from(over.retry_in.as_millis()).unwrap_or(u64::MAX));
        Err(failure)
    }

    fn name(&self, what: &str, text: &str) -> Result<Name, Failure> {
        text.parse().map_err(|why: model::name::BadName| self.invalid(format!("{what}: {why}")))
    }

    fn at_most_a_year(&self, what: &str, ms: u64) -> Result<u64, Failure> {
        if ms > MAX_SLEEP_MS {
            return Err(self
                .invalid(format!("a {what} of {ms} ms; a year, {MAX_SLEEP_MS} ms, is the most")));
        }
        Ok(ms)
    }

    fn await_signals(&self, names: Vec<String>, timeout_ms: Option<u64>) -> Result<Wait, Failure> {
        if names.is_empty() || names.len() > MAX_AWAITED_NAMES {
            let count = names.len();
            return Err(self.invalid(format!(
                "`await-signals` names {count} signals; 1 to {MAX_AWAITED_NAMES} can be waited for"
            )));
        }
        let names: Vec<Name> =
            names.iter().map(|name| self.name("a signal", name)).collect::<Result<_, _>>()?;
        let timeout_ms = timeout_ms
            .map(|ms| self.at_most_a_year("timeout of `await-signals`", ms))
            .transpose()?;
        Ok(Wait::AwaitSignals { names, timeout_ms })
    }

    async fn children(&self, said: Vec<SaidChild>) -> Result<Vec<ChildRun>, Failure> {
        if self.run.depth >= MAX_DEPTH && !said.is_empty() {
            return Err(self.invalid(format!(
                "`spawn` by a run that has {} above it; {MAX_DEPTH} is the most",
                self.run.depth
            )));
        }
        if said.len() > MAX_CHILDREN {
            let count = said.len();
            return Err(
                self.invalid(format!("`spawn` of {count} children; {MAX_CHILDREN} is the most"))
            );
        }
        let mut children = Vec::with_capacity(said.len());
        let mut found: Vec<(String, (model::FlowId, u32))> = Vec::new();
        for (child, number) in said.into_iter().zip(0..) {
            let SaidChild { flow, input, key } = child;
            let wrong = |why: String| self.invalid(format!("child {number} of `spawn`: {why}"));
            let input = self.json(&format!("the input of child {number}"), &input)?;
            if key.as_ref().is_some_and(|key| key.len() > MAX_KEY_BYTES || key.contains('\0')) {
                return Err(wrong(format!("its key may have {MAX_KEY_BYTES} bytes and no NUL")));
            }
            let name = self.name(&format!("the flow of child {number}"), &flow)?;
            let known = found.iter().find(|(name, _)| *name == flow).map(|(_, found)| *found);
            let (flow_id, version) = match known {
                Some(found) => found,
                None => {
                    let current = self.current(&name).await?.map_err(wrong)?;
                    found.push((flow, current));
                    current
                }
            };
            let key_of_version = (self.run.tenant, flow_id, version);
            let store = &self.shared.store;
            let its = patiently(|| store.find_version(key_of_version)).await?;
            let its = its.ok_or_else(|| wrong(format!("version {version} of `{name}` is gone")))?;
            its.check_input(&input)
                .map_err(|refusal| wrong(format!("its input does not fit `{name}`: {refusal}")))?;
            children.push(ChildRun {
                run_id: RunId(Uuid::now_v7()),
                flow_id,
                version,
                input,
                key,
                abandoned: self.step().abandon_children,
                deadline_ms: its
                    .plan
                    .definition
                    .deadline_ms
                    .map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
                traceparent: self.run.traceparent.clone(),
            });
        }
        Ok(children)
    }

    /// The flow of this name and the version new runs start on; else why there is none.
    async fn current(&self, name: &Name) -> Result<Result<(model::FlowId, u32), String>, Failure> {
        let (store, tenant) = (&self.shared.store, self.run.tenant);
        let found = patiently(|| store.find_flow(tenant, name.as_str())).await?;
        Ok(match found {
            Some((flow_id, Some(version))) => Ok((flow_id, version)),
            Some((_, None)) => Err(format!("flow `{name}` has no active version")),
            None => Err(format!("there is no flow `{name}`")),
        })
    }
}
