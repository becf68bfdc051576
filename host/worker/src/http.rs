//! The built-in step `http`: one call, held back where its origin fails, and what its answer means.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::limits::MAX_BACKOFF_MS;
use model::{
    Failure, FailureKind, Gate, HandlerErrorKind, HttpCall, HttpRequest, Outcome, Placeholders,
    RetryHint,
};
use outbound::Error;
use serde_json::{Map, Value, json};

use crate::attempt::{context, options};
use crate::builtin::{Task, unfilled};
use crate::outgoing::{Answered, Caller, Patience, Unanswered, Wanted};
use crate::ports::ms;

/// What is kept of the body of an answer that is a failure, in bytes; and the most its headers may have to be kept.
const MOST_OF_FAILURE: usize = 4 * 1024;
/// Answers besides those of 500 and above that another try may change: request timeout, too early, too many requests.
const TRIED_AGAIN: [u16; 3] = [408, 425, 429];

fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

/// Makes the call of a step. `None`: it was cancelled.
pub(crate) async fn call(task: &Task<'_>, call: &HttpCall) -> Option<Outcome> {
    tokio::select! {
        outcome = make(task, call) => Some(outcome),
        () = task.stop.cancelled() => None,
    }
}

async fn make(task: &Task<'_>, call: &HttpCall) -> Outcome {
    let limits = options(task.run, task.step()).limits;
    let patience = Patience::of_step(limits.timeout());
    let placeholders = Placeholders::new(rand::random());
    let request = match call.fill(&task.run.input, task.input, &placeholders) {
        Ok(request) => with_defaults(task, request),
        Err(why) => return Outcome::Fail(unfilled(&why)),
    };
    let what = shown(&request);
    let caller = Caller {
        shared: Arc::clone(task.shared),
        claim: task.claim(),
        version: Arc::clone(task.version),
        step: task.at.task.step,
        placeholders,
    };
    let wanted = |status| match is_success(status) {
        true => Wanted::Whole(task.most()),
        // The status says enough, also where the body breaks off.
        false => Wanted::Beginning(MOST_OF_FAILURE),
    };
    match caller.call(request, patience, wanted).await {
        Ok(answered) if is_success(answered.status) => task.answer(&output(answered)),
        Ok(answered) => Outcome::Fail(refused(&what, answered)),
        Err(Unanswered::Outbound(error)) => failed(&what, error),
        Err(Unanswered::HeldBack(origin, retry_in)) => {
            Outcome::Fail(held_back(&origin.to_string(), retry_in))
        }
        // Nothing of it can be recorded either: whoever has the task now makes the call.
        Err(Unanswered::NotHeld) => {
            let message = "the claim on the task no longer holds; the call was not made";
            Outcome::Fail(Failure::new(FailureKind::HostInternal, message))
        }
        Err(Unanswered::TimedOut) => Outcome::Fail(Failure::timed_out(&limits)),
        Err(Unanswered::Host(failure)) => Outcome::Fail(failure),
    }
}

/// Adds what the author said nothing about: the key that makes a second try harmless, and the caller's trace.
fn with_defaults(task: &Task<'_>, mut request: HttpRequest) -> HttpRequest {
    let Task { run, version, at, .. } = task;
    let context = context(run, version, *at, &task.step().options);
    let key = ("idempotency-key", Some(context.idempotency_key()));
    for (name, value) in [key, ("traceparent", context.traceparent)] {
        let is_said = request.headers.iter().any(|(said, _)| said == name);
        request.headers.extend(value.filter(|_| !is_said).map(|value| (name.to_owned(), value)));
    }
    request
}

fn failed(what: &str, error: Error) -> Outcome {
    let dependency = FailureKind::HandlerError(HandlerErrorKind::Dependency);
    let validation = FailureKind::HandlerError(HandlerErrorKind::Validation);
    let (kind, message) = match error {
        Error::Denied(why) | Error::RefusedAddress(why) => (FailureKind::CapabilityDenied, why),
        Error::Invalid(why) => (validation, format!("{what} cannot be sent: {why}")),
        Error::Dns(why) | Error::Connect(why) | Error::Tls(why) | Error::Failed(why) => {
            (dependency, format!("{what} was not answered: {why}"))
        }
        Error::TooLarge(most) => {
            let what_to_do = "`output` of the step says how much it may";
            let why = format!("{what} answered more than {most} bytes; {what_to_do}");
            (FailureKind::OutputTooLarge, why)
        }
        Error::Host(_) => (FailureKind::HostInternal, error.to_string()),
    };
    Outcome::Fail(Failure::new(kind, message))
}

/// The call as a message may name it: a query can hold secrets.
fn shown(request: &HttpRequest) -> String {
    let mut url = request.url.clone();
    url.set_query(None);
    format!("`{} {url}`", request.method)
}

fn held_back(origin: &str, retry_in: Duration) -> Failure {
    let ms = ms(retry_in);
    let message = format!(
        "calls to `{origin}` are held back after failures in a row; the next one in {ms} ms"
    );
    let mut failure = Failure::new(FailureKind::DependencyUnavailable, message);
    failure.retry.retry_after_ms = Some(ms);
    failure
}

/// What the step answers, as JSON text; a body that is JSON is in it byte for byte.
fn output(answered: Answered) -> String {
    let is_json = answered.header("content-type").is_some_and(is_json);
    let Answered { status, headers, body } = answered;
    let gated = || Gate::of_bytes(usize::MAX).check(&body).ok();
    let body = match is_json.then(gated).flatten() {
        Some(json) => json.to_string(),
        None => plain(&body).to_string(),
    };
    let headers = Value::Object(joined(headers));
    format!("{{\"status\":{status},\"headers\":{headers},\"body\":{body}}}")
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
    let retry_after = answered.header("retry-after").and_then(|text| wait(text, SystemTime::now()));
    let Answered { status, headers, body } = answered;
    let kind = FailureKind::HandlerError(HandlerErrorKind::Dependency);
    let mut failure = Failure::new(kind, format!("{what} answered {status}"));
    // A text that was cut may end within a character.
    let body = String::from_utf8_lossy(&body).replace('\0', "\u{fffd}");
    let mut details = json!({ "status": status, "body": body });
    let headers = Value::Object(joined(headers));
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
            let kind = if is_json { "application/json" } else { "text/plain" };
            let headers = vec![("content-type".to_owned(), kind.to_owned())];
            let answered = Answered { status: 200, headers, body: body.to_vec() };
            let headers = format!("{{\"content-type\":\"{kind}\"}}");
            let expected = format!("{{\"status\":200,\"headers\":{headers},\"body\":{expected}}}");
            assert_eq!(output(answered), expected);
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
