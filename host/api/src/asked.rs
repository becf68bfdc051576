//! What a start asks for, read and checked as far as its flow is not needed.

use model::limits::{MAX_DEADLINE_MS, MAX_KEY_BYTES, MAX_START_DELAY_MS};
use model::{Code, FlowId, Gate, Json, Preset, Refusal, RunId, RunOptions, Version};
use serde::Deserialize;
use serde_json::value::RawValue;
use store::StartRun;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::{Caller, Run};
use crate::body;
use crate::problem::Problem;

/// What to start; every field may be left out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StartRun)]
pub(crate) struct StartBody<'a> {
    /// The input. Defaults to `null`; over a closure's, objects are merged.
    #[serde(borrow, default, deserialize_with = "model::preset::said")]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<&'a RawValue>,
    /// Larger goes first. Defaults to 0.
    priority: Option<i16>,
    /// The wait before the first steps, in milliseconds. Defaults to 0.
    delay_ms: Option<u64>,
    /// When the first steps begin, RFC 3339, in place of `delay_ms`.
    start_at: Option<String>,
    /// Its name among the live runs of the flow, up to 255 bytes: a second one is refused while the first is live.
    key: Option<String>,
    /// How long it may take in all, in milliseconds. Defaults to the flow's `deadline`.
    deadline_ms: Option<u64>,
    /// What holds for the attempts of every step, whatever the flow says: `timeout_ms`, `fuel`, `memory_bytes`,
    /// `max_attempts`, `backoff` (`strategy`, `base_ms`, `factor`, `max_ms`, `jitter`).
    #[serde(default)]
    #[schema(value_type = Option<serde_json::Value>)]
    options: RunOptions,
    /// The version to run on. Defaults to the active one.
    version: Option<u32>,
    /// The identity of the run, a UUIDv7. Defaults to a new one.
    #[schema(value_type = Option<String>)]
    run_id: Option<RunId>,
}

/// What is said about a run, as it was sent.
pub(crate) struct Said<'a> {
    pub(crate) input: Option<&'a RawValue>,
    pub(crate) priority: Option<i16>,
    pub(crate) version: Option<u32>,
    pub(crate) delay_ms: Option<u64>,
    pub(crate) deadline_ms: Option<u64>,
    pub(crate) key: Option<String>,
    pub(crate) options: RunOptions,
}

/// A start that was read and checked as far as the flow is not needed.
pub(crate) struct Asked {
    /// What is said about the run.
    pub(crate) said: Preset,
    pub(crate) run_id: RunId,
    /// True: the caller gave the id.
    pub(crate) own_id: bool,
}

fn invalid(detail: impl Into<String>, at: &str) -> Problem {
    Problem::new(Code::RequestInvalid, detail).at(at)
}

impl Said<'_> {
    /// Checks it as far as the flow is not needed.
    pub(crate) fn check(self) -> Result<Preset, Problem> {
        let Self { input, priority, version, delay_ms, deadline_ms, key, options } = self;
        if delay_ms.is_some_and(|ms| ms > MAX_START_DELAY_MS) {
            return Err(too_late("/delay_ms"));
        }
        let too_long = |key: &String| key.is_empty() || key.len() > MAX_KEY_BYTES;
        if key.as_ref().is_some_and(too_long) {
            let detail = format!("`key` has 1 to {MAX_KEY_BYTES} bytes");
            return Err(invalid(detail, "/key").limit(MAX_KEY_BYTES as u64));
        }
        if deadline_ms.is_some_and(|ms| ms == 0 || ms > MAX_DEADLINE_MS) {
            let detail = format!("`deadline_ms` takes 1 to {MAX_DEADLINE_MS}");
            return Err(invalid(detail, "/deadline_ms").limit(MAX_DEADLINE_MS));
        }
        options
            .check()
            .map_err(|why| invalid(why.to_string(), &format!("/options/{}", why.field)))?;
        let input = input.map(input_of).transpose()?;
        Ok(Preset { input, priority, version, delay_ms, deadline_ms, key, options })
    }
}

impl Asked {
    /// Reads one start.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let sent: StartBody<'_> = body::read_object(text)?;
        let delay_ms = match &sent.start_at {
            Some(_) if sent.delay_ms.is_some_and(|ms| ms > 0) => {
                let detail = "`start_at` and `delay_ms` say the same thing; send one of them";
                return Err(invalid(detail, "/start_at"));
            }
            Some(at) => Some(until(at)?),
            None => sent.delay_ms,
        };
        if sent.run_id.is_some_and(|id| id.0.get_version_num() != 7) {
            let detail = "`run_id` must be a UUIDv7: runs are ordered by their id";
            return Err(invalid(detail, "/run_id"));
        }
        let StartBody { input, priority, version, deadline_ms, key, options, run_id, .. } = sent;
        let said = Said { input, priority, version, delay_ms, deadline_ms, key, options };
        Ok(Self {
            said: said.check()?,
            run_id: run_id.unwrap_or_else(|| RunId(Uuid::now_v7())),
            own_id: run_id.is_some(),
        })
    }

    /// The same start over what was said further away.
    pub(crate) fn over(self, further: Preset) -> Result<Self, Problem> {
        let said = self.said.over(further).map_err(|why| refused(why).within("/input"))?;
        Ok(Self { said, ..self })
    }

    /// The start of a run on this version, whose input fits.
    pub(crate) fn on(
        &self,
        caller: &Caller<Run>,
        (flow_id, number): (FlowId, u32),
        version: &Version,
        traceparent: Option<&str>,
    ) -> Result<StartRun, Problem> {
        let owner = (caller.tenant, caller.tenant_name.clone());
        let start = StartRun::new(owner, self.run_id, (flow_id, number, version), &self.said);
        let start = start.map_err(refused)?;
        Ok(StartRun { traceparent: traceparent.map(str::to_owned), ..start })
    }
}

fn too_late(at: &str) -> Problem {
    let detail = format!("a run may wait {MAX_START_DELAY_MS} ms, which is a year");
    invalid(detail, at).limit(MAX_START_DELAY_MS)
}

/// Milliseconds until a moment; none when it is over.
fn until(at: &str) -> Result<u64, Problem> {
    let moment = OffsetDateTime::parse(at, &Rfc3339).map_err(|_| {
        invalid("`start_at` is not an RFC 3339 moment; write `2027-01-31T06:00:00Z`", "/start_at")
    })?;
    let left = (moment - OffsetDateTime::now_utc()).whole_milliseconds();
    let left = u64::try_from(left.max(0)).unwrap_or(u64::MAX);
    if left > MAX_START_DELAY_MS { Err(too_late("/start_at")) } else { Ok(left) }
}

/// The input, which passed the gate with its envelope; alone it has limits of its own.
fn input_of(input: &RawValue) -> Result<Json, Problem> {
    let most = Gate::default().max_bytes;
    if input.get().len() > most {
        let bytes = input.get().len();
        let detail = format!("the input has {bytes} bytes and may have {most}");
        return Err(Problem::new(Code::PayloadTooLarge, detail).at("/input").limit(most as u64));
    }
    Ok(Json::trusted(input.get()))
}

/// Whether a run can start with this input.
pub(crate) fn check_input(version: &Version, input: &Json) -> Result<(), Problem> {
    version.check_input(input).map_err(|why| refused(why).within("/input"))
}

/// What was refused by a rule, without the place in the text: it may not be the caller's.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    let problem = Problem::new(refusal.code, refusal.detail);
    if refusal.pointer.is_empty() { problem } else { problem.at(refusal.pointer) }
}
