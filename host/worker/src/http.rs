//! The built-in step `http`: one call, held back where its origin fails, and what its answer means.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits::MAX_BACKOFF_MS;
use model::{
    Failure, FailureKind, Gate, HandlerErrorKind, HttpCall, HttpRequest, Outcome, RetryHint,
};
use outbound::{Call, Error};
use serde_json::{Map, Value, json};
use store::{Admission, Outgoing, Pass, Verdict};
use tokio::time::{Instant, timeout_at};

use crate::attempt::{context, options};
use crate::builtin::{Task, unfilled};
use crate::prepare::patiently;

/// What is kept of the body of an answer that is a failure, in bytes; and the most its headers may have to be kept.
const MOST_OF_FAILURE: usize = 4 * 1024;
/// How much longer than its deadline a probe is waited for: the time it takes to say what came of it.
const PROBE_GRACE: Duration = Duration::from_secs(5);
/// Answers besides those of 500 and above that another try may change: request timeout, too early, too many requests.
const TRIED_AGAIN: [u16; 3] = [408, 425, 429];

/// An answer, read as far as the step wants it.
struct Answered {
    status: u16,
    headers: Map<String, Value>,
    is_json: bool,
    retry_after: Option<Duration>,
    body: Vec<u8>,
}

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// What ends a call that did not end by itself.
enum Cut {
    Cancelled,
    TimedOut,
}

/// Makes the call of a step. `None`: it was cancelled.
pub(crate) async fn call(task: &Task<'_>, call: &HttpCall) -> Option<Outcome> {
    let limits = options(task.run, task.step()).limits;
    let calling = Calling { task, deadline: Instant::now() + limits.timeout() };
    match calling.make(call).await {
        Ok(outcome) => Some(outcome),
        Err(Cut::TimedOut) => Some(Outcome::Fail(Failure::timed_out(&limits))),
        Err(Cut::Cancelled) => None,
    }
}

/// A call that is being made, until its deadline.
struct Calling<'a> {
    task: &'a Task<'a>,
    deadline: Instant,
}

impl Calling<'_> {
    async fn make(&self, call: &HttpCall) -> Result<Outcome, Cut> {
        let task = self.task;
        let request = match call.fill(&task.run.input, task.input) {
            Ok(request) => self.with_defaults(request),
            Err(why) => return Ok(Outcome::Fail(unfilled(&why))),
        };
        let what = shown(&request);
        let permitted = match task.shared.outbound.permit(&task.step().grants, request) {
            Ok(permitted) => permitted,
            Err(error) => return Ok(self.failed(&what, error)),
        };
        let pass = match self.admitted(&permitted).await? {
            Ok(Admission::Go(pass)) => pass,
            Ok(Admission::Refused { retry_in }) => {
                // What is left of a probe is not known: it can be over at any time.
                let retry_in = retry_in.min(task.shared.settings.breaker.recovery);
                let failure = held_back(&permitted.origin().to_string(), retry_in);
                return Ok(Outcome::Fail(failure));
            }
            // Nothing of it can be recorded either: whoever has the task now makes the call.
            Ok(Admission::NotHeld) => {
                let message = "the claim on the task no longer holds; the call was not made";
                return Ok(Outcome::Fail(Failure::new(FailureKind::HostInternal, message)));
            }
            Err(failure) => return Ok(Outcome::Fail(failure)),
        };
        let sent = self.within(self.send(permitted)).await;
        self.conclude(&pass, verdict(&sent)).await;
        Ok(match sent? {
            Ok(answered) if is_success(answered.status) => task.answer(&output(&answered)),
            Ok(answered) => Outcome::Fail(refused(&what, answered)),
            Err(error) => self.failed(&what, error),
        })
    }

    /// Waits no longer than the attempt may take, or until it is cancelled.
    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Cut> {
        tokio::select! {
            done = timeout_at(self.deadline, work) => done.map_err(|_| Cut::TimedOut),
            () = self.task.stop.cancelled() => Err(Cut::Cancelled),
        }
    }

    /// Adds what the author said nothing about: the key that makes a second try harmless, and the caller's trace.
    fn with_defaults(&self, mut request: HttpRequest) -> HttpRequest {
        let Task { run, version, at, .. } = self.task;
        let context = context(run, version, *at, &self.task.step().options);
        let key = ("idempotency-key", Some(context.idempotency_key()));
        for (name, value) in [key, ("traceparent", context.traceparent)] {
            let is_said = request.headers.iter().any(|(said, _)| said == name);
            request
                .headers
                .extend(value.filter(|_| !is_said).map(|value| (name.to_owned(), value)));
        }
        request
    }

    /// Whether the call may go out: the claim it is made under holds, and its breaker lets it through.
    async fn admitted(&self, call: &Call) -> Result<Result<Admission, Failure>, Cut> {
        let Task { shared, held, .. } = self.task;
        let outgoing = Outgoing {
            held: *held,
            worker: shared.recorder(),
            origin: call.origin(),
            lost_after: self.deadline.saturating_duration_since(Instant::now()) + PROBE_GRACE,
            number: rand::random(),
        };
        self.within(patiently(|| shared.store.admit_call(&outgoing))).await
    }

    async fn send(&self, call: Call) -> Result<Answered, Error> {
        let mut answer = self.task.shared.outbound.send(call).await?;
        let body = match is_success(answer.status) {
            true => answer.body(self.task.most()).await?,
            // The status says enough, also where the body breaks off.
            false => answer.beginning(MOST_OF_FAILURE).await.unwrap_or_default(),
        };
        Ok(Answered {
            status: answer.status,
            is_json: answer.header("content-type").is_some_and(is_json),
            retry_after: answer
                .header("retry-after")
                .and_then(|text| wait(text, SystemTime::now())),
            headers: joined(answer.headers),
            body,
        })
    }

    /// Tells the breaker. What the step answers does not wait for a Postgres that is away.
    async fn conclude(&self, pass: &Pass, verdict: Verdict) {
        let shared = self.task.shared;
        let rule = shared.settings.breaker;
        if let Err(error) = shared.store.conclude_call(pass, verdict, rule).await {
            tracing::debug!(%error, "could not tell a breaker what a call came to");
        }
    }

    fn failed(&self, what: &str, error: Error) -> Outcome {
        let dependency = FailureKind::HandlerError(HandlerErrorKind::Dependency);
        let validation = FailureKind::HandlerError(HandlerErrorKind::Validation);
        let (kind, message) = match error {
            Error::Denied(why) => (FailureKind::CapabilityDenied, why),
            Error::Invalid(why) => (validation, format!("{what} cannot be sent: {why}")),
            Error::Failed(why) => (dependency, format!("{what} was not answered: {why}")),
            Error::TooLarge(most) => {
                let what_to_do = "`output` of the step says how much it may";
                let why = format!("{what} answered more than {most} bytes; {what_to_do}");
                (FailureKind::OutputTooLarge, why)
            }
            Error::Host(_) => (FailureKind::HostInternal, error.to_string()),
        };
        Outcome::Fail(Failure::new(kind, message))
    }
}

/// The call as a message may name it: a query can hold secrets.
fn shown(request: &HttpRequest) -> String {
    let mut url = request.url.clone();
    url.set_query(None);
    format!("`{} {url}`", request.method)
}

fn held_back(origin: &str, retry_in: Duration) -> Failure {
    let ms = u64::try_from(retry_in.as_millis()).unwrap_or(u64::MAX);
    let message = format!(
        "calls to `{origin}` are held back after failures in a row; the next one in {ms} ms"
    );
    let mut failure = Failure::new(FailureKind::DependencyUnavailable, message);
    failure.retry.retry_after_ms = Some(ms);
    failure
}

fn verdict(sent: &Result<Result<Answered, Error>, Cut>) -> Verdict {
    match sent {
        Ok(Ok(answered)) if answered.status >= 500 => Verdict::Badly,
        Ok(Ok(_) | Err(Error::TooLarge(_))) => Verdict::Well,
        Ok(Err(Error::Failed(_))) | Err(Cut::TimedOut) => Verdict::Badly,
        Ok(Err(Error::Denied(_) | Error::Invalid(_) | Error::Host(_))) | Err(Cut::Cancelled) => {
            Verdict::Unknown
        }
    }
}

/// What the step answers, as JSON text; a body that is JSON is in it byte for byte.
fn output(answered: &Answered) -> String {
    let Answered { status, headers, is_json, body, .. } = answered;
    let gated = || Gate::of_bytes(usize::MAX).check(body).ok();
    let body = match is_json.then(gated).flatten() {
        Some(json) => json.to_string(),
        None => plain(body).to_string(),
    };
    format!(
        "{{\"status\":{status},\"headers\":{},\"body\":{body}}}",
        Value::Object(headers.clone())
    )
}

/// A body that is not JSON: its text, or its bytes.
fn plain(body: &[u8]) -> Value {
    match std::str::from_utf8(body) {
        // No text that Postgres keeps has a NUL.
        Ok(text) if !text.contains('\0') => text.into(),
        Ok(_) | Err(_) => json!({ "base64": STANDARD.encode(body) }),
    }
}

/// The failure that an answer other than of success is.
fn refused(what: &str, answered: Answered) -> Failure {
    let Answered { status, headers, retry_after, body, .. } = answered;
    let kind = FailureKind::HandlerError(HandlerErrorKind::Dependency);
    let mut failure = Failure::new(kind, format!("{what} answered {status}"));
    // A text that was cut may end within a character.
    let body = String::from_utf8_lossy(&body).replace('\0', "\u{fffd}");
    let mut details = json!({ "status": status, "body": body });
    let headers = Value::Object(headers);
    if headers.to_string().len() <= MOST_OF_FAILURE {
        details["headers"] = headers;
    }
    failure.details = Gate::default().check(details.to_string().as_bytes()).ok();
    let is_tried_again = status >= 500 || TRIED_AGAIN.contains(&status);
    failure.retry = match is_tried_again {
        true => RetryHint {
            retry: None,
            retry_after_ms: retry_after
                .map(|wait| u64::try_from(wait.as_millis()).unwrap_or(MAX_BACKOFF_MS)),
        },
        false => RetryHint { retry: Some(false), retry_after_ms: None },
    };
    failure
}

/// Headers as an object; a name that comes several times has its values in one (RFC 9110, 5.3).
fn joined(headers: Vec<(String, String)>) -> Map<String, Value> {
    let mut joined: Map<String, Value> = Map::new();
    for (name, value) in headers {
        // No text that Postgres keeps has a NUL.
        let value = value.replace('\0', "\u{fffd}");
        let value = match joined.get(&name).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value,
        };
        joined.insert(name, value.into());
    }
    joined
}

/// Whether a content type says JSON: `application/json`, `application/problem+json; charset=utf-8`.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// How long `retry-after` asks to wait: seconds, or a date (RFC 9110, 10.2.3).
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(at.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777 - 90);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(90)),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_json_that_passes_the_gate_is_json_in_the_output() {
        for (is_json, body, expected) in [
            (true, &b"{\"b\": 1.0, \"a\": 2}"[..], "{\"b\": 1.0, \"a\": 2}"),
            (true, b"{\"a\":1,\"a\":2}", r#""{\"a\":1,\"a\":2}""#),
            (true, b"", "\"\""),
            (false, b"[1]", "\"[1]\""),
            (false, b"\xff\x00", r#"{"base64":"/wA="}"#),
            (false, b"a\0", r#"{"base64":"YQA="}"#),
        ] {
            let (headers, body) = (Map::new(), body.to_vec());
            let answered = Answered { status: 200, headers, is_json, retry_after: None, body };
            let expected = format!("{{\"status\":200,\"headers\":{{}},\"body\":{expected}}}");
            assert_eq!(output(&answered), expected);
        }
    }

    #[test]
    fn what_says_json_is_json() {
        for (text, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/json5", false),
            ("text/plain", false),
        ] {
            assert_eq!(is_json(text), expected, "{text}");
        }
    }
}
