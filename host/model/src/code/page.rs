//! Finds the page that explains a problem code or a failure kind.

use super::Code;
use crate::failure::FailureKind;
use crate::near::nearest;

/// What there is to say about one problem code or failure kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The code or kind as it is written everywhere: `payload.too_large`, `failure.timeout`.
    pub code: &'static str,
    /// One line for people.
    pub title: &'static str,
    /// Markdown: what it means, an example, what to do.
    pub text: &'static str,
}

const FAILURE: &str = "failure.";

/// The page of a problem code or of a failure kind, the latter with or without `failure.`.
pub fn explain(asked: &str) -> Option<Page> {
    let asked = asked.trim();
    if let Ok(code) = asked.parse::<Code>() {
        return Some(Page { code: code.as_str(), title: code.title(), text: code.page() });
    }
    let kind = asked.strip_prefix(FAILURE).unwrap_or(asked);
    let kind = if kind == "handler_error" { "handler_error.execution" } else { kind };
    kind.parse::<FailureKind>().ok().map(FailureKind::page)
}

/// Codes and kinds that `asked` may have meant, the likeliest first; empty when nothing is near.
pub fn suggest(asked: &str) -> Vec<&'static str> {
    let asked = asked.trim();
    let codes = Code::ALL.iter().map(|code| code.as_str());
    let kinds = FailureKind::ALL.iter().map(|kind| kind.page().code);
    let mut known: Vec<&'static str> = codes.chain(kinds).collect();
    known.dedup();
    let ending = |code: &&'static str| code.rsplit('.').next() == Some(asked);
    let mut found: Vec<&'static str> = known.iter().copied().filter(ending).collect();
    found.extend(nearest(asked, known.iter().copied()));
    let short = known.iter().filter_map(|code| code.split_once('.').map(|(_, last)| (last, *code)));
    let short: Vec<_> = short.collect();
    if let Some(near) = nearest(asked, short.iter().map(|(last, _)| *last)) {
        found.extend(short.iter().filter(|(last, _)| *last == near).map(|(_, code)| *code));
    }
    let mut once = Vec::new();
    found.into_iter().for_each(|code| {
        if !once.contains(&code) {
            once.push(code)
        }
    });
    once
}

impl FailureKind {
    /// The page that explains it.
    pub fn page(self) -> Page {
        macro_rules! page {
            ($name:literal, $title:literal) => {
                Page {
                    code: concat!("failure.", $name),
                    title: $title,
                    text: include_str!(concat!("../../problems/failure.", $name, ".md")),
                }
            };
        }
        match self {
            Self::Timeout => page!("timeout", "The attempt reached its time limit"),
            Self::OutOfFuel => page!("out_of_fuel", "The attempt used all its fuel"),
            Self::MemoryExceeded => page!("memory_exceeded", "The attempt wanted too much memory"),
            Self::StackOverflow => page!("stack_overflow", "The handler's call stack ran out"),
            Self::Trap => page!("trap", "The handler was stopped by a trap"),
            Self::AbiViolation => page!("abi_violation", "The component broke its interface"),
            Self::InvalidOutput => page!("invalid_output", "The answer is not JSON"),
            Self::OutputTooLarge => page!("output_too_large", "The answer is too large"),
            Self::SchemaMismatch => page!("schema_mismatch", "The step's schema was not met"),
            Self::ConditionUnmet => page!("condition_unmet", "The step's condition does not hold"),
            Self::CapabilityDenied => page!("capability_denied", "The handler lacks a grant"),
            Self::QuotaExceeded => {
                page!("quota_exceeded", "The tenant has taken all it may")
            }
            Self::DependencyUnavailable => {
                page!("dependency_unavailable", "Something outside is not answering")
            }
            Self::Skipped => page!("skipped", "The handler skipped its step"),
            Self::TooManyPhases => {
                page!("too_many_phases", "The task went through too many phases")
            }
            Self::Interrupted => page!("interrupted", "The run ended first"),
            Self::DeadlineExceeded => page!("deadline_exceeded", "The run's deadline passed"),
            Self::WorkerLost => page!("worker_lost", "The worker was lost"),
            Self::HostInternal => page!("host_internal", "A fault of the host"),
            Self::ComponentUnavailable => {
                page!("component_unavailable", "The component cannot be loaded")
            }
            Self::HandlerError(_) => page!("handler_error", "The handler reported an error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn pages_on_disk() -> BTreeSet<String> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/problems");
        let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let codes = Code::ALL.iter().map(|code| format!("{code}.md"));
        let kinds = FailureKind::ALL.iter().map(|kind| format!("{}.md", kind.page().code));
        let expected: BTreeSet<String> = codes.chain(kinds).collect();
        assert_eq!(expected, pages_on_disk());
    }

    #[test]
    fn every_page_names_its_code_and_says_what_to_do() {
        let codes = Code::ALL.iter().map(|code| explain(code.as_str()).unwrap());
        for page in codes.chain(FailureKind::ALL.iter().map(|kind| kind.page())) {
            assert!(page.text.starts_with(&format!("# `{}`\n", page.code)), "{}", page.code);
            assert!(page.text.contains("## What to do"), "{}", page.code);
            assert!(page.text.lines().count() >= 8, "{}", page.code);
        }
        for code in Code::ALL {
            let fix = code.fix();
            assert!(fix.ends_with(['.', '`', ')']) && !fix.contains('\n'), "{code}: {fix}");
        }
    }

    #[test]
    fn no_two_codes_have_the_same_text() {
        let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
    }

    #[test]
    fn a_failure_kind_is_found_with_and_without_its_prefix() {
        assert_eq!(explain("timeout"), explain("failure.timeout"));
        assert_eq!(explain("handler_error").unwrap().code, "failure.handler_error");
        assert_eq!(
            explain("failure.handler_error.validation").unwrap().code,
            "failure.handler_error"
        );
    }

    #[test]
    fn a_near_miss_gets_a_suggestion_and_nonsense_none() {
        assert_eq!(explain("payload.to_large"), None);
        assert_eq!(suggest("payload.to_large"), ["payload.too_large"]);
        assert_eq!(suggest("too_large")[0], "payload.too_large");
        assert_eq!(suggest("timeot"), ["request.timeout", "failure.timeout"]);
        assert!(suggest("xyzzy").is_empty());
    }
}
