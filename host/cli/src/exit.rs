//! How the program ends: 0 done, 1 the run failed, 2 usage, 3 refused, 4 unreachable.

use std::process::ExitCode;

use serde_json::Value;

use crate::escape::escape;
use crate::screen::Screen;

/// The run failed or was cancelled.
pub(crate) const RUN_FAILED: u8 = 1;
/// The command line makes no sense.
const USAGE: u8 = 2;
/// The host, or this program, would not do it.
const REFUSED: u8 = 3;
/// Nobody answers.
const UNREACHABLE: u8 = 4;

/// Nobody answers at the host's address.
#[derive(Debug, thiserror::Error)]
#[error(
    "nobody answers at `{url}`: {why}; start a host with `stepcell dev`, or name another with `--url`"
)]
pub(crate) struct Unreachable {
    /// The address.
    pub(crate) url: String,
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
    /// A problem as it was sent.
    pub(crate) fn new(problem: Value) -> Self {
        let part = |name: &str| problem[name].as_str().unwrap_or_default();
        let mut text = format!("{}: {}", part("title"), part("detail"));
        if let Some(reasons) = problem["reasons"].as_array().filter(|reasons| reasons.len() > 1) {
            for reason in reasons {
                let line =
                    reason["line"].as_u64().map_or(String::new(), |line| format!("line {line}: "));
                let (code, detail) = (&reason["code"], &reason["detail"]);
                let (code, detail) = (code.as_str().unwrap_or("?"), detail.as_str().unwrap_or("?"));
                text.push_str(&format!("\n  - {line}{detail} [{code}]"));
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
    let unavailable = model::Code::StoreUnavailable.as_str();
    let code = if refused.is_some_and(|refused| refused.problem["code"] == unavailable) {
        UNREACHABLE
    } else if refused.is_some() {
        REFUSED
    } else if error.is::<Unreachable>() {
        UNREACHABLE
    } else if error.is::<Usage>() {
        USAGE
    } else {
        REFUSED
    };
    ExitCode::from(code)
}
