//! One line: `192.0.2.7 - - [02/Mar/2026:11:59:58 +0100] "GET /docs?q=1 HTTP/1.1" 200 5120 "-" "curl/8.18.0"`.

use chrono::DateTime;
use serde::Serialize;

/// A request, without what no other step asks for.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Request {
    /// In seconds since 1970.
    pub(crate) at: i64,
    client: String,
    /// Without its query.
    path: String,
    status: u16,
    bytes: u64,
    agent: String,
}

/// The request a line tells of; `None` where it is not in the format. Clients write most of it: nothing is taken on trust.
pub(crate) fn read(line: &str) -> Option<Request> {
    let (client, rest) = line.split_once(' ')?;
    let (_user, rest) = rest.split_once(" [")?;
    let (time, rest) = rest.split_once("] ")?;
    let (asked, rest) = quoted(rest)?;
    let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (bytes, rest) = rest.split_once(' ')?;
    let (_referrer, rest) = quoted(rest)?;
    let (agent, _more) = quoted(rest.strip_prefix(' ')?)?;
    let (_method, asked) = asked.split_once(' ')?;
    let (target, _protocol) = asked.rsplit_once(" HTTP/")?;
    Some(Request {
        at: DateTime::parse_from_str(time, "%d/%b/%Y:%H:%M:%S %z").ok()?.timestamp(),
        client: client.to_owned(),
        path: target.split_once('?').map_or(target, |(path, _query)| path).to_owned(),
        status: status.parse().ok()?,
        bytes: if bytes == "-" { 0 } else { bytes.parse().ok()? },
        agent: agent.to_owned(),
    })
}

/// What stands between two quotes, and what follows. A backslash keeps a quote from being the second one.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = text.find(|c| {
        let is_end = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        is_end
    })?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"2001:db8::7 - ann [02/Mar/2026:01:30:00 +0200] "GET /a?b=1 HTTP/1.1" 404 - "-" "a \"b\" c""#;

    #[test]
    fn every_field_is_read_and_the_time_is_that_of_greenwich() {
        let request = read(LINE).unwrap();
        assert_eq!((request.at, request.status, request.bytes), (1_772_407_800, 404, 0));
        assert_eq!((&*request.client, &*request.path), ("2001:db8::7", "/a"));
        assert_eq!(request.agent, r#"a \"b\" c"#);
    }

    #[test]
    fn a_line_that_was_cut_anywhere_is_not_read() {
        let cut = |at: &usize| read(&LINE[..*at]).is_some();
        assert_eq!((0..LINE.len()).find(cut), None);
    }

    #[test]
    fn what_is_no_http_is_not_read() {
        assert_eq!(read(&LINE.replace("GET /a?b=1 HTTP/1.1", r"\x16\x03\x01")), None);
        assert_eq!(read(&LINE.replace("404", "none")), None);
    }
}
