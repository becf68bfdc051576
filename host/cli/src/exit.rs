//! How the program ends: 0 done, 1 the run failed, 2 usage, 3 refused, 4 unreachable, 5 not ended yet.

use std::path::PathBuf;
use std::process::ExitCode;

use model::Code;
use serde_json::{Value, json};

use crate::escape::escape;
use crate::screen::Screen;

/// The run failed or was cancelled.
pub(crate) const RUN_FAILED: u8 = 1;
/// The command line makes no sense.
const USAGE: u8 = 2;
/// The host, or this program, would not do it.
const REFUSED: u8 = 3;
/// Nobody answers: no host, or no Postgres.
const UNREACHABLE: u8 = 4;
/// The time to wait is up, and the run has not ended.
pub(crate) const NOT_ENDED: u8 = 5;

/// Nobody answers at the host's address.
#[derive(Debug, thiserror::Error)]
#[error(
    "nobody answers at `{url}`{}: {why}; start a host with `stepcell dev`, or name another with `--url`",
    kept_in.as_ref().map_or(String::new(), |file| format!(" (from `{}`)", file.display()))
)]
pub(crate) struct Unreachable {
    /// The address.
    pub(crate) url: String,
    /// The file the address was read from.
    pub(crate) kept_in: Option<PathBuf>,
    /// True when not even a connection came about.
    pub(crate) found_nobody: bool,
    /// What the network says.
    pub(crate) why: String,
}

/// The host refused, with a problem.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(crate) struct Refused {
    /// For people.
    pub(crate) text: String,
    /// As it was sent.
    pub(crate) problem: Value,
}

/// What was typed makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl Refused {
    /// What this program refuses by itself, in the shape and with the advice that a host would give.
    pub(crate) fn here(code: Code, detail: String, reasons: Vec<Value>) -> Self {
        Self::new(json!({
            "code": code.as_str(), "title": code.title(), "detail": detail, "fix": code.fix(), "reasons": reasons,
        }))
    }

    /// A problem as it was sent.
    pub(crate) fn new(problem: Value) -> Self {
        let part = |name: &str| problem[name].as_str().unwrap_or_default();
        let mut text = format!("{}: {}", part("title"), part("detail"));
        if let Some(reasons) = problem["reasons"].as_array().filter(|reasons| reasons.len() > 1) {
            for reason in reasons {
                let place = match (reason["line"].as_u64(), reason["column"].as_u64()) {
                    (None | Some(0), _) => String::new(),
                    (Some(line), None | Some(0)) => format!("line {line}: "),
                    (Some(line), Some(column)) => format!("line {line}, column {column}: "),
                };
                let (code, detail) = (&reason["code"], &reason["detail"]);
                let (code, detail) = (code.as_str().unwrap_or("?"), detail.as_str().unwrap_or("?"));
                text.push_str(&format!("\n  - {place}{detail} [{code}]"));
            }
        }
        text.push_str(&format!(
            "\n  fix: {}\n  more: stepcell explain {}",
            part("fix"),
            part("code")
        ));
        Self { text, problem }
    }
}

/// Says what went wrong, and how the program ends because of it.
pub(crate) fn report(screen: &Screen, error: &anyhow::Error) -> ExitCode {
    let refused = error.downcast_ref::<Refused>();
    match refused.filter(|_| screen.is_json()) {
        Some(refused) => screen.json(&refused.problem),
        None => screen.complain(&format!("error: {}", escape(&format!("{error:#}")))),
    }
    let code = if is_unreachable(error) {
        UNREACHABLE
    } else if error.is::<Usage>() {
        USAGE
    } else {
        REFUSED
    };
    ExitCode::from(code)
}

/// True when whoever should have answered is not there: the host, or the Postgres behind it.
pub(crate) fn is_unreachable(error: &anyhow::Error) -> bool {
    let is_store = |cause: &(dyn std::error::Error + 'static)| {
        matches!(cause.downcast_ref(), Some(store::Error::Unavailable(_)))
    };
    let unavailable = Code::StoreUnavailable.as_str();
    let refused = error.downcast_ref::<Refused>();
    error.is::<Unreachable>()
        || refused.is_some_and(|refused| refused.problem["code"] == unavailable)
        || error.chain().any(is_store)
}
