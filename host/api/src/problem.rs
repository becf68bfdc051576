//! The one shape of everything that goes wrong (RFC 9457), from a code of the model.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::{Code, Refusal, RunId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::request_id;

/// How long a caller should wait when the host or the database has no room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A refused request. The text never quotes SQL, paths or another tenant.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    code: Code,
    detail: String,
    pointer: Option<String>,
    limit: Option<u64>,
    run_id: Option<RunId>,
    retry_in: Option<Duration>,
    reasons: Vec<Reason>,
}

/// One of several things that are wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Reason {
    /// Its own code.
    code: String,
    /// What is wrong, where; may quote what was sent.
    detail: String,
    /// JSON pointer to the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<String>,
    /// 1-based line, where TOML or a source was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    /// 1-based column, where a source was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
}

/// A problem as it is sent, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Where the page of the code is, relative to this host.
    r#type: String,
    /// What kind of problem it is.
    code: &'a str,
    /// One line for people.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// JSON pointer into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    /// The limit that was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    /// The run it is about, where that is another one than was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    run_id: Option<RunId>,
    /// What to do.
    fix: &'a str,
    /// Names the request in the host's log.
    request_id: String,
    /// Everything that is wrong, where there is more to say.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    reasons: &'a [Reason],
}

impl Problem {
    /// A problem of this kind with this detail.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            detail: detail.into(),
            pointer: None,
            limit: None,
            run_id: None,
            retry_in: None,
            reasons: Vec::new(),
        }))
    }

    /// What kind of problem it is.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What is wrong.
    pub(crate) fn detail(&self) -> &str {
        &self.0.detail
    }

    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// The same problem, found in a part of the body.
    pub(crate) fn within(mut self, pointer: &str) -> Self {
        let inner = self.0.pointer.take().unwrap_or_default();
        self.0.pointer = Some(format!("{pointer}{inner}"));
        self
    }

    pub(crate) fn about(mut self, run_id: RunId) -> Self {
        self.0.run_id = Some(run_id);
        self
    }

    pub(crate) fn limit(mut self, limit: u64) -> Self {
        self.0.limit = Some(limit);
        self
    }

    /// When asking again may go well.
    pub(crate) fn retry_in(mut self, wait: Duration) -> Self {
        self.0.retry_in = Some(wait);
        self
    }

    /// A fault of ours: the cause goes to the log, not to the caller.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(request_id = %request_id::current(), %cause, "a request failed");
        Self::new(Code::Internal, "the host could not do this; its log says why")
    }

    /// A component that is refused, with everything that is wrong with it.
    pub(crate) fn refused(reasons: &[sandbox::Reason]) -> Self {
        let code = reasons.first().map_or(Code::ComponentInvalid, |reason| reason.code);
        let detail = match reasons {
            [one] => one.detail.clone(),
            several => format!("the component has {} problems; see `reasons`", several.len()),
        };
        let mut problem = Self::new(code, detail);
        let shown = |reason: &sandbox::Reason| Reason {
            code: reason.code.to_string(),
            detail: reason.detail.clone(),
            pointer: None,
            line: None,
            column: None,
        };
        problem.0.reasons = reasons.iter().map(shown).collect();
        problem
    }

    /// A source that is refused, with everything that is wrong with it.
    pub(crate) fn source(problems: &[sandbox::SourceProblem]) -> Self {
        let detail = match problems {
            [one] => one.to_string(),
            several => format!("the source has {} problems; see `reasons`", several.len()),
        };
        let mut problem = Self::new(Code::ComponentBadSource, detail);
        let shown = |one: &sandbox::SourceProblem| Reason {
            code: Code::ComponentBadSource.to_string(),
            detail: one.message.clone(),
            pointer: None,
            line: (one.line > 0).then_some(one.line as usize),
            column: (one.column > 0).then_some(one.column),
        };
        problem.0.reasons = problems.iter().map(shown).collect();
        problem
    }

    /// A manifest that is refused, with everything that is wrong with it.
    pub(crate) fn manifest(problems: &model::manifest::Problems) -> Self {
        let code = problems.code().unwrap_or(Code::ManifestInvalidSyntax);
        let mut problem = Self::new(code, problems.to_string());
        let reasons = problems.problems.iter();
        problem.0.pointer = reasons.clone().next().map(|first| first.pointer.clone());
        let shown = |one: &model::manifest::Problem| Reason {
            code: one.code.to_string(),
            detail: one.detail.clone(),
            pointer: Some(one.pointer.clone()),
            line: one.line,
            column: None,
        };
        problem.0.reasons = reasons.map(shown).collect();
        problem
    }
}

/// A payload the gate refused; the pointer is into the document that was checked.
impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let limit = (refusal.code == Code::PayloadTooLarge).then_some(refusal.offset as u64);
        let detail = format!("{} (byte {})", refusal.detail, refusal.offset);
        let mut problem = Self::new(refusal.code, detail).at(refusal.pointer);
        problem.0.limit = limit;
        problem
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable(_) => Self::new(
                Code::StoreUnavailable,
                "the database does not answer; whether anything was done is unknown",
            ),
            store::Error::Collision => {
                Self::new(Code::Overloaded, "the request collided with another one")
            }
            store::Error::Refused(_)
            | store::Error::Stale
            | store::Error::Migration(_)
            | store::Error::Unreadable { .. }
            | store::Error::Statement { .. } => Self::internal(&error),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Parts { code, detail, pointer, limit, run_id, retry_in, reasons } = *self.0;
        let status =
            StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = ProblemBody {
            r#type: format!("/v1/problems/{code}"),
            code: code.as_str(),
            title: code.title(),
            status: status.as_u16(),
            detail: &detail,
            pointer: pointer.as_deref(),
            limit,
            run_id,
            fix: &code.fix(),
            request_id: request_id::current(),
            reasons: &reasons,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        let no_room = status == StatusCode::SERVICE_UNAVAILABLE;
        if let Some(wait) = retry_in.or(no_room.then_some(RETRY_AFTER)) {
            // Whole seconds, rounded up: not before it may go well.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
