//! What a start asks for, read and checked as far as its flow is not needed.

use std::sync::Arc;

use model::limits::{MAX_DEADLINE_MS, MAX_KEY_BYTES, MAX_START_DELAY_MS};
use model::{Code, FlowId, Gate, Json, RunId, RunOptions, Version};
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
    /// The input. Defaults to `null`.
    #[serde(borrow, default)]
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<&'a RawValue>,
    /// Larger goes first. Defaults to 0.
    #[serde(default)]
    priority: i16,
    /// The wait before the first steps, in milliseconds. Defaults to 0.
    #[serde(default)]
    delay_ms: u64,
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

/// A start that was read and checked as far as the flow is not needed.
pub(crate) struct Asked {
    input: Json,
    priority: i16,
    delay_ms: i64,
    /// The version it asks for.
    pub(crate) version: Option<u32>,
    pub(crate) run_id: RunId,
    /// True: the caller gave the id.
    pub(crate) own_id: bool,
    pub(crate) key: Option<String>,
    deadline_ms: Option<u64>,
    options: RunOptions,
}

impl Asked {
    /// Reads one start.
    pub(crate) fn read(text: &str) -> Result<Self, Problem> {
        let sent: StartBody<'_> = body::read_object(text)?;
        let invalid = |detail: String, at: &str| Problem::new(Code::RequestInvalid, detail).at(at);
        let delay_ms = match &sent.start_at {
            Some(_) if sent.delay_ms > 0 => {
                let detail = "`start_at` and `delay_ms` say the same thing; send one of them";
                return Err(invalid(detail.to_owned(), "/start_at"));
            }
            Some(at) => until(at)?,
            None => sent.delay_ms,
        };
        if delay_ms > MAX_START_DELAY_MS {
            let at = if sent.start_at.is_some() { "/start_at" } else { "/delay_ms" };
            let detail = format!("a run may wait {MAX_START_DELAY_MS} ms, which is a year");
            return Err(invalid(detail, at).limit(MAX_START_DELAY_MS));
        }
        if sent.run_id.is_some_and(|id| id.0.get_version_num() != 7) {
            let detail = "`run_id` must be a UUIDv7: runs are ordered by their id";
            return Err(invalid(detail.to_owned(), "/run_id"));
        }
        let too_long = |key: &String| key.is_empty() || key.len() > MAX_KEY_BYTES;
        if sent.key.as_ref().is_some_and(too_long) {
            let detail = format!("`key` has 1 to {MAX_KEY_BYTES} bytes");
            return Err(invalid(detail, "/key").limit(MAX_KEY_BYTES as u64));
        }
        if sent.deadline_ms.is_some_and(|ms| ms == 0 || ms > MAX_DEADLINE_MS) {
            let detail = format!("`deadline_ms` takes 1 to {MAX_DEADLINE_MS}");
            return Err(invalid(detail, "/deadline_ms").limit(MAX_DEADLINE_MS));
        }
        sent.options
            .check()
            .map_err(|why| invalid(why.to_string(), &format!("/options/{}", why.field)))?;
        Ok(Self {
            input: input_of(sent.input)?,
            priority: sent.priority,
            delay_ms: i64::try_from(delay_ms).unwrap_or(i64::MAX),
            version: sent.version,
            run_id: sent.run_id.unwrap_or_else(|| RunId(Uuid::now_v7())),
            own_id: sent.run_id.is_some(),
            key: sent.key,
            deadline_ms: sent.deadline_ms,
            options: sent.options,
        })
    }

    /// The start of a run on this version, whose input fits.
    pub(crate) fn on(
        &self,
        caller: &Caller<Run>,
        (flow_id, number): (FlowId, u32),
        version: &Version,
        traceparent: Option<&str>,
    ) -> Result<StartRun, Problem> {
        check_input(version, &self.input)?;
        let deadline_ms = self.deadline_ms.or(version.plan.definition.deadline_ms);
        Ok(StartRun {
            tenant: caller.tenant,
            tenant_name: caller.tenant_name.clone(),
            run_id: self.run_id,
            flow_id,
            version: number,
            pinned: self.version.is_some(),
            roots: version.roots.clone(),
            input: self.input.clone(),
            priority: self.priority,
            traceparent: traceparent.map(str::to_owned),
            delay_ms: self.delay_ms,
            options: (!self.options.is_empty()).then(|| Arc::new(self.options.clone())),
            deadline_ms: deadline_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            key: self.key.clone(),
        })
    }
}

/// Milliseconds until a moment; none when it is over.
fn until(at: &str) -> Result<u64, Problem> {
    let moment = OffsetDateTime::parse(at, &Rfc3339).map_err(|_| {
        let detail = "`start_at` is not an RFC 3339 moment; write `2027-01-31T06:00:00Z`";
        Problem::new(Code::RequestInvalid, detail).at("/start_at")
    })?;
    let left = (moment - OffsetDateTime::now_utc()).whole_milliseconds();
    Ok(u64::try_from(left.max(0)).unwrap_or(u64::MAX))
}

/// The input, which passed the gate with its envelope; alone it has limits of its own.
fn input_of(sent: Option<&RawValue>) -> Result<Json, Problem> {
    let Some(input) = sent else {
        return Ok(Json::null());
    };
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
    version.check_input(input).map_err(|mut refusal| {
        refusal.pointer.insert_str(0, "/input");
        Problem::new(refusal.code, refusal.detail).at(refusal.pointer)
    })
}
