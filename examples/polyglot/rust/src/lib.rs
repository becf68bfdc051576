//! Reads an access log in the Combined Log Format, as nginx and Apache write it.

mod line;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepcell_guest::{Error, info, warn};

use line::Request;

const SECONDS_PER_HOUR: i64 = 3_600;
/// How much of a line a log record shows, in characters.
const SHOWN: usize = 80;

/// What the run is started with.
#[derive(Deserialize)]
struct Input {
    /// The text of the log.
    log: String,
}

/// The requests of one hour.
#[derive(Debug, Serialize)]
struct Hour {
    /// When it begins, in seconds since 1970.
    at: i64,
    requests: Vec<Request>,
    /// Lines before one of these that could not be read.
    unreadable: usize,
}

/// The hours that have requests, in their order.
fn parse(input: Input) -> Result<Vec<Hour>, Error> {
    let mut hours: BTreeMap<i64, Hour> = BTreeMap::new();
    let (mut latest, mut unreadable) = (None, 0);
    for (number, text) in (1..).zip(input.log.lines()) {
        let Some(request) = line::read(text) else {
            let start: String = text.chars().take(SHOWN).collect();
            warn!(line = number, "cannot be read: `{start}`");
            unreadable += 1;
            continue;
        };
        let at = request.at - request.at.rem_euclid(SECONDS_PER_HOUR);
        let new = || Hour { at, requests: Vec::new(), unreadable: 0 };
        let hour = hours.entry(at).or_insert_with(new);
        hour.unreadable += std::mem::take(&mut unreadable);
        hour.requests.push(request);
        latest = Some(at);
    }
    let Some(last) = latest.and_then(|at| hours.get_mut(&at)) else {
        return Err(Error::validation("no line of `log` is in the Combined Log Format"));
    };
    last.unreadable += unreadable;
    info!(hours = hours.len(), bytes = input.log.len(), "read the log");
    Ok(hours.into_values().collect())
}

stepcell_guest::handlers! { parse }

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        r#"192.0.2.7 - - [02/Mar/2026:11:59:58 +0000] "GET / HTTP/1.1" 200 9 "-" "curl/8""#;

    fn parsed(log: &str) -> Result<Vec<Hour>, Error> {
        parse(Input { log: log.to_owned() })
    }

    #[test]
    fn requests_are_told_apart_by_hour_and_what_cannot_be_read_is_counted() {
        let later = LINE.replace("11:59:58", "12:00:00");
        let hours = parsed(&format!("{LINE}\nnonsense\n{later}\n{LINE}\ncut")).unwrap();
        let counts: Vec<_> =
            hours.iter().map(|hour| (hour.requests.len(), hour.unreadable)).collect();
        assert_eq!(counts, [(2, 1), (1, 1)]);
        assert_eq!(hours[1].at - hours[0].at, SECONDS_PER_HOUR);
    }

    #[test]
    fn a_text_that_is_no_log_is_the_callers_mistake() {
        let error = parsed("hello\n").unwrap_err();
        assert_eq!(error.kind(), stepcell_guest::ErrorKind::Validation);
    }
}
