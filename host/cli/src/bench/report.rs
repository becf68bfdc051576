//! How the figures of durable flows are said: a table as README.md has it, each figure beside its baseline.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::percentiles;

/// A figure beside what it is held against.
pub(super) struct Row {
    /// What was measured.
    pub(super) what: String,
    /// What came out.
    pub(super) ours: String,
    /// The baseline of the same run.
    pub(super) beside: String,
}

/// Rows as Markdown.
pub(super) fn table(rows: &[Row]) -> String {
    let mut lines = vec!["| what | Stepcell | beside it |".to_owned(), "|---|---|---|".to_owned()];
    lines.extend(
        rows.iter().map(|Row { what, ours, beside }| format!("| {what} | {ours} | {beside} |")),
    );
    lines.join("\n")
}

/// The median and the 99th percentile.
#[derive(Clone, Copy)]
pub(super) struct Spread {
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl Spread {
    pub(super) fn of(times: Vec<Duration>) -> Self {
        let (p50, p99) = percentiles(times);
        Self { p50, p99 }
    }

    /// How many times the other's median this one is.
    pub(super) fn ratio(self, other: Self) -> f64 {
        self.p50.as_secs_f64() / other.p50.as_secs_f64()
    }

    pub(super) fn text(self) -> String {
        format!("p50 {:.2} ms, p99 {:.2} ms", ms(self.p50), ms(self.p99))
    }

    pub(super) fn json(self) -> Value {
        json!({ "p50": ms(self.p50), "p99": ms(self.p99) })
    }
}

/// Milliseconds, to a hundredth.
pub(crate) fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

/// A count with its thousands apart: `1,000,000`.
pub(super) fn thousands(count: f64) -> String {
    let digits = format!("{count:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// So many in each second, as people read it.
pub(super) fn rate(per_second: f64) -> String {
    format!("{} steps/s", thousands(per_second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!([7.0, 999.4, 1_000.0, 1e6].map(thousands), ["7", "999", "1,000", "1,000,000"]);
    }

    #[test]
    fn rows_are_a_table_that_can_be_pasted() {
        let row = Row { what: "a".into(), ours: "1".into(), beside: "2".into() };
        let text = "| what | Stepcell | beside it |\n|---|---|---|\n| a | 1 | 2 |";
        assert_eq!(table(&[row]), text);
    }
}
