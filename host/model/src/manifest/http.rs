//! Reads `builtin = { http = { … } }`: what a step calls.

use std::collections::BTreeMap;

use super::problem::shown;
use super::read::{Reader, Table};
use super::words;
use crate::builtin::{HttpCall, HttpMethod};
use crate::code::Code;
use crate::fetch::{is_framing, is_token};
use crate::limits::MAX_HEADERS;

/// The call; `None` where what is said of it cannot be used.
pub(super) fn read(reader: &mut Reader, table: &Table<'_>) -> Option<HttpCall> {
    let table = reader.table(table, "http")?;
    let before = reader.problems.problems.len();
    reader.only(&table, words::HTTP);
    if reader.field(&table, "url").is_none() {
        reader.missing(&table, "url", "url = \"https://api.example.com/items\"");
    }
    let listed = "`GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE` or `OPTIONS`";
    let method = reader.word(&table, "method", HttpMethod::NAMES, listed);
    let method = method.unwrap_or(HttpMethod::Get);
    let headers = headers(reader, &table);
    let body = reader.value(&table, "body");
    if let Some(field) = reader.field(&table, "body").filter(|_| !method.takes_body()) {
        let detail =
            format!("`{method}` sends no `body`; take it away, or add `method = \"POST\"`");
        reader.problem(Code::ManifestConflictingFields, &field.place, detail);
    }
    let url = reader.text(&table, "url")?;
    let call = HttpCall { method, url, headers, body };
    if let Err(why) = call.origin() {
        let place = reader.field(&table, "url").map(|field| field.place).unwrap_or_default();
        reader.problem(Code::ManifestBadText, &place, why.to_string());
    }
    if let Err(why) = call.check() {
        reader.problem(Code::ManifestBadText, &table.place, why.to_string());
    }
    (reader.problems.problems.len() == before).then_some(call)
}

fn headers(reader: &mut Reader, table: &Table<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    let Some(table) = reader.table(table, "headers") else { return headers };
    if table.members.len() > MAX_HEADERS {
        let count = table.members.len();
        let detail = format!("`headers` has {count} entries and may have {MAX_HEADERS}");
        reader.problem(Code::ManifestOutOfRange, &table.place, detail);
        return headers;
    }
    for member in table.members {
        let place = reader.field(&table, &member.key).map(|field| field.place).unwrap_or_default();
        let name = member.key.to_ascii_lowercase();
        let Some(value) = reader.text(&table, &member.key) else { continue };
        let detail = if !is_token(&name) {
            format!("`{}` is not the name of a header", shown(&member.key))
        } else if is_framing(&name) {
            format!("header `{name}` is set by the host alone; take it away")
        } else if !value.is_ascii() {
            format!("header `{name}` has characters that cannot be sent; visible ASCII can")
        } else if headers.insert(name.clone(), value).is_some() {
            format!("header `{name}` is there twice; keep one")
        } else {
            continue;
        };
        reader.problem(Code::ManifestBadText, &place, detail);
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::*;

    fn read(step: &str) -> Result<Manifest, Vec<(Code, String)>> {
        let text = format!("flow = \"f\"\n[[step]]\nname = \"a\"\n{step}");
        Manifest::from_toml(&text).map_err(|found| {
            found.problems.into_iter().map(|problem| (problem.code, problem.pointer)).collect()
        })
    }

    fn granted(step: &str) -> Vec<String> {
        let manifest = read(step).unwrap();
        manifest.steps[0].grants.fetch.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_origin_a_url_spells_out_is_the_grant_of_its_step_and_what_is_written_holds_alone() {
        let spelled = "builtin = { http = { url = \"https://API.example.com:8443/${input}\" } }\n";
        assert_eq!(granted(spelled), ["api.example.com:8443"]);
        let plain = "builtin = { http = { url = \"http://example.com\" } }\n";
        assert_eq!(granted(plain), ["http://example.com"]);
        let written = format!("{spelled}grants = {{ fetch = [\"*.example.com:*\"] }}\n");
        assert_eq!(granted(&written), ["*.example.com:*"]);
        let whole = "builtin = { http = { url = \"${input}\" } }\ngrants = { fetch = [\"*\"] }\n";
        assert_eq!(granted(whole), ["*"]);
    }

    #[test]
    fn each_mistake_is_told_once_where_it_is() {
        for (step, code, pointer) in [
            (
                "builtin = { http = { url = \"https://\" } }",
                Code::ManifestBadText,
                "/step/0/builtin/http/url",
            ),
            ("builtin = { http = { url = \"${input}\" } }", Code::ManifestMissingGrant, "/step/0"),
            (
                "builtin = { http = { url = \"https://a.net\" } }\ngrants = { fetch = [\"b.net\", \"\"] }",
                Code::ManifestBadText,
                "/step/0/grants/fetch/1",
            ),
            (
                "builtin = { http = { url = \"https://a.net\" } }\ngrants = { fetch = [\"b.net\"] }",
                Code::ManifestMissingGrant,
                "/step/0/grants",
            ),
            (
                "builtin = { http = { uri = \"https://a.net\" } }\ngrants = { fetch = [] }",
                Code::ManifestUnknownField,
                "/step/0/builtin/http/uri",
            ),
            ("builtin = 7\ngrants = { fetch = [] }", Code::ManifestWrongType, "/step/0/builtin"),
        ] {
            let found = read(step).unwrap_err();
            assert_eq!(found[0], (code, pointer.to_owned()), "{step}: {found:?}");
        }
    }
}
