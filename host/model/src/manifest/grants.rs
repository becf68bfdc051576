//! Reads `grants = { fetch = […], key_value = true, secrets = […], scratch = "16MiB" }`: what a step may reach outside of its sandbox.

use super::problem::{Place, shown};
use super::read::{Field, Reader, Table};
use super::tree::Value;
use super::words;
use crate::builtin::{Builtin, HttpCall};
use crate::code::Code;
use crate::fetch::{FetchPattern, Origin};
use crate::grant::{Grants, KeyValueGrant, SecretGrant};
use crate::limits::{DEFAULT_SCRATCH_BYTES, MAX_GRANTS, MAX_SCRATCH_BYTES, SCRATCH_BLOCK_BYTES};
use crate::name::Name;

/// What the step is granted. The origin that an http step spells out is its own grant where none is written.
pub(super) fn read(reader: &mut Reader, table: &Table<'_>, builtin: Option<&Builtin>) -> Grants {
    let written = reader.field(table, "grants").map(|field| field.place);
    match builtin {
        Some(Builtin::Http(call)) => of_call(reader, table, call),
        Some(Builtin::Wait(_) | Builtin::Inject(_) | Builtin::Set(_)) => {
            if let Some(place) = written {
                let detail = "`grants` are for steps that call a component or have `builtin = { http = … }`; take them \
                              away";
                reader.problem(Code::ManifestNotSupported, &place, detail);
            }
            Grants::default()
        }
        None => {
            let before = reader.problems.problems.len();
            let grants = granted(reader, table);
            if let Some(place) = written
                && reader.problems.problems.len() == before
                && !grants.secrets.is_empty()
                && grants.fetch.is_empty()
            {
                let detail = "secrets are put into requests alone, and the step may send none; add \
                              `fetch = [\"api.example.com\"]` beside `secrets`";
                reader.problem(Code::ManifestMissingGrant, &place, detail);
            } else if reader.problems.problems.len() == before {
                secrets_say_where(reader, table, &grants, false);
            }
            grants
        }
    }
}

/// What an http step is granted.
fn of_call(reader: &mut Reader, table: &Table<'_>, call: &HttpCall) -> Grants {
    let place = reader.field(table, "grants").map(|field| field.place);
    let place = place.unwrap_or_else(|| table.place.clone());
    let before = reader.problems.problems.len();
    let inner = match reader.field(table, "grants") {
        Some(_) => reader.table(table, "grants"),
        None => None,
    };
    let says = |name| inner.as_ref().is_some_and(|inner| reader.field(inner, name).is_some());
    let (says_fetch, says_key_value, says_scratch) =
        (says("fetch"), says("key_value"), says("scratch"));
    let mut grants = granted(reader, table);
    let origin = call.origin().ok().flatten();
    if let (Some(origin), false) = (&origin, says_fetch) {
        grants.fetch = vec![FetchPattern::from(origin)];
    }
    if says_key_value {
        let detail = "an http step keeps no values; take `key_value` away";
        reader.problem(Code::ManifestUnusedGrant, &place, detail);
    }
    if says_scratch {
        let detail = "an http step has no files; take `scratch` away";
        reader.problem(Code::ManifestUnusedGrant, &place, detail);
    }
    if reader.problems.problems.len() == before {
        check(reader, &place, origin.as_ref(), &grants);
        secrets_are_granted(reader, &place, call, &grants);
        secrets_say_where(reader, table, &grants, origin.is_none());
    }
    grants
}

fn granted(reader: &mut Reader, table: &Table<'_>) -> Grants {
    let Some(table) = reader.table(table, "grants") else { return Grants::default() };
    reader.only(&table, words::GRANTS);
    let fetch = patterns(reader, &table, "fetch");
    let (key_value, secrets) = (key_value(reader, &table), secrets(reader, &table));
    Grants { fetch, key_value, secrets, scratch: scratch(reader, &table) }
}

fn scratch(reader: &mut Reader, table: &Table<'_>) -> Option<u64> {
    match reader.field(table, "scratch")?.node.value {
        Value::Flag(true) => Some(DEFAULT_SCRATCH_BYTES),
        Value::Flag(false) => None,
        Value::Text(_)
        | Value::Null
        | Value::Whole(_)
        | Value::Real(_)
        | Value::List(_)
        | Value::Table(_)
        | Value::Date => {
            reader.size(table, "scratch", SCRATCH_BLOCK_BYTES as u64..=MAX_SCRATCH_BYTES)
        }
    }
}

fn key_value(reader: &mut Reader, table: &Table<'_>) -> Option<KeyValueGrant> {
    let field = reader.field(table, "key_value")?;
    match &field.node.value {
        Value::Flag(true) => Some(KeyValueGrant::Write),
        Value::Flag(false) => None,
        Value::Text(text) if text == "read" => Some(KeyValueGrant::Read),
        Value::Text(_)
        | Value::Null
        | Value::Whole(_)
        | Value::Real(_)
        | Value::List(_)
        | Value::Table(_)
        | Value::Date => {
            let detail = "`key_value` takes `true`, or `\"read\"` for looking alone";
            reader.problem(Code::ManifestWrongType, &field.place, detail);
            None
        }
    }
}

fn secrets(reader: &mut Reader, table: &Table<'_>) -> Vec<SecretGrant> {
    let wanted =
        "a list, like `secrets = [\"API_KEY\", { name = \"TOKEN\", to = [\"api.example.com\"] }]`";
    let entries = reader.entries(table, "secrets", wanted);
    let mut secrets: Vec<SecretGrant> = Vec::with_capacity(entries.len());
    if entries.len() > MAX_GRANTS {
        let detail = format!("`secrets` has {} entries and may have {MAX_GRANTS}", entries.len());
        reader.problem(Code::ManifestOutOfRange, &table.place, detail);
        return secrets;
    }
    for entry in entries {
        let Some(secret) = secret(reader, &entry) else { continue };
        if secrets.iter().any(|known| known.name == secret.name) {
            let detail = format!("secret `{}` is there twice; keep one", secret.name);
            reader.problem(Code::ManifestConflictingFields, &entry.place, detail);
        }
        secrets.push(secret);
    }
    secrets
}

fn secret(reader: &mut Reader, entry: &Field<'_>) -> Option<SecretGrant> {
    if let Some(text) = entry.node.value.as_text() {
        return match text.parse::<Name>() {
            Ok(name) => Some(SecretGrant { name, to: Vec::new() }),
            Err(_) => {
                let detail = format!("`{}` is no name of a secret, like `API_KEY`", shown(text));
                reader.problem(Code::ManifestBadName, &entry.place, detail);
                None
            }
        };
    }
    let table = reader.as_table(entry)?;
    reader.only(&table, words::SECRET);
    if reader.field(&table, "name").is_none() {
        reader.missing(&table, "name", "name = \"API_KEY\"");
    }
    let to = patterns(reader, &table, "to");
    Some(SecretGrant { name: reader.name(&table, "name")?, to })
}

fn patterns(reader: &mut Reader, table: &Table<'_>, name: &str) -> Vec<FetchPattern> {
    let texts = reader.texts(table, name);
    if texts.len() > MAX_GRANTS {
        let detail = format!("`{name}` has {} entries and may have {MAX_GRANTS}", texts.len());
        reader.problem(Code::ManifestOutOfRange, &table.place, detail);
        return Vec::new();
    }
    let mut patterns = Vec::with_capacity(texts.len());
    for (text, place) in texts {
        match text.parse::<FetchPattern>() {
            Ok(pattern) => patterns.push(pattern),
            Err(bad) => reader.problem(Code::ManifestBadText, &place, bad.to_string()),
        }
    }
    patterns
}

/// What the step calls is granted; where that shows only when it runs, something is.
fn check(reader: &mut Reader, place: &Place, origin: Option<&Origin>, grants: &Grants) {
    let detail = match origin {
        Some(origin) if !grants.covers(origin) => format!(
            "the step calls `{origin}`, which its `grants.fetch` leave out; add it, or leave `fetch` away"
        ),
        None if grants.fetch.is_empty() => {
            "a reference decides where the step calls; say where it may, for example \
             `grants = { fetch = [\"api.example.com\", \"*.example.org\"] }`"
                .to_owned()
        }
        Some(_) | None => return,
    };
    reader.problem(Code::ManifestMissingGrant, place, detail);
}

/// The secrets that the headers of a call name are granted.
fn secrets_are_granted(reader: &mut Reader, place: &Place, call: &HttpCall, grants: &Grants) {
    for name in call.secrets() {
        if !grants.secrets.iter().any(|granted| granted.name == name) {
            let detail = format!(
                "a header takes the secret `{name}`, which is not granted; add \
                 `grants = {{ secrets = [\"{name}\"] }}`"
            );
            reader.problem(Code::ManifestMissingGrant, place, detail);
        }
    }
}

/// A secret goes wherever the step calls unless it says where to. That has to be one host and TLS, or be said.
fn secrets_say_where(reader: &mut Reader, table: &Table<'_>, grants: &Grants, is_referenced: bool) {
    let Some(place) = reader.field(table, "grants").map(|field| field.place) else { return };
    let open = grants.secrets.iter().filter(|secret| secret.to.is_empty());
    let open: Vec<String> = open.map(|secret| format!("`{}`", secret.name)).collect();
    let [first, ..] = &open[..] else { return };
    let why = match grants.fetch.iter().find(|pattern| pattern.is_broad()) {
        Some(pattern) => format!("the step may call `{pattern}`"),
        None if is_referenced => "a reference decides where the step calls".to_owned(),
        None => return,
    };
    let detail = format!(
        "{why}, so {} could go where nobody meant; say where to: `secrets = [{{ name = \"{}\", to = \
         [\"api.example.com\"] }}]`",
        open.join(", "),
        first.trim_matches('`')
    );
    reader.problem(Code::ManifestMissingGrant, &place, detail);
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

    fn granted(step: &str) -> String {
        read(step).unwrap().steps[0].grants.to_string()
    }

    #[test]
    fn grants_are_read_and_shown_as_they_are_written() {
        for grants in [
            "fetch = [\"a.net\", \"http://*.b.net:*\"]",
            "key_value = true",
            "key_value = \"read\"",
            "key_value = true, scratch = \"16MiB\"",
            "fetch = [\"a.net\"], secrets = [\"A\", { name = \"B_2\", to = [\"a.net\"] }]",
        ] {
            assert_eq!(granted(&format!("component = \"c\"\ngrants = {{ {grants} }}")), grants);
        }
        let nothing = "key_value = false, fetch = [], scratch = false";
        assert_eq!(granted(&format!("component = \"c\"\ngrants = {{ {nothing} }}")), "none");
        assert_eq!(granted("component = \"c\"\ngrants = { scratch = true }"), "scratch = \"1MiB\"");
    }

    #[test]
    fn an_http_step_may_call_what_its_url_spells_out_and_say_which_secrets_it_takes() {
        let http = |headers: &str, grants: &str| {
            format!(
                "builtin = {{ http = {{ url = \"https://a.net\", headers = {{ {headers} }} }} }}\n{grants}"
            )
        };
        let takes = "x = \"Bearer ${secrets.KEY}\"";
        let with = "grants = { secrets = [\"KEY\"] }";
        assert_eq!(granted(&http(takes, with)), "fetch = [\"a.net\"], secrets = [\"KEY\"]");
        let missing = (Code::ManifestMissingGrant, "/step/0".to_owned());
        assert_eq!(read(&http(takes, "")).unwrap_err(), [missing]);
        for grant in ["key_value = true", "scratch = true"] {
            let refused = read(&http("", &format!("grants = {{ {grant} }}"))).unwrap_err();
            assert_eq!(refused, [(Code::ManifestUnusedGrant, "/step/0/grants".to_owned())]);
        }
    }

    #[test]
    fn a_secret_says_where_to_when_its_step_may_call_more_than_one_host_or_plain_http() {
        let component = |fetch: &str, to: &str| {
            read(&format!(
                "component = \"c\"\ngrants = {{ fetch = [\"b.net\", \"{fetch}\"], secrets = [{{ name = \"A\"{to} }}, {{ name = \"B\"{to} }}] }}"
            ))
        };
        let missing = [(Code::ManifestMissingGrant, "/step/0/grants".to_owned())];
        for fetch in ["*", "*.a.net", "http://a.net", "*:*"] {
            assert_eq!(component(fetch, "").unwrap_err(), missing, "{fetch}");
            assert!(component(fetch, ", to = [\"http://a.net\"]").is_ok(), "{fetch}");
        }
        assert!(component("a.net:8443", "").is_ok());
        let http = |url: &str, to: &str| {
            read(&format!(
                "builtin = {{ http = {{ url = \"{url}\" }} }}\ngrants = {{ fetch = [\"a.net\", \"http://a.net\"], secrets = [{{ name = \"A\"{to} }}] }}"
            ))
        };
        let referenced = "builtin = { http = { url = \"https://${input.host}\" } }\ngrants = { fetch = [\"a.net\"], secrets = [\"A\"] }";
        assert_eq!(read(referenced).unwrap_err(), missing);
        assert_eq!(http("http://a.net", "").unwrap_err(), missing);
        assert!(http("http://a.net", ", to = [\"http://a.net\"]").is_ok());
        let plain =
            "builtin = { http = { url = \"http://a.net\" } }\ngrants = { secrets = [\"A\"] }";
        assert_eq!(read(plain).unwrap_err(), missing);
    }

    #[test]
    fn each_mistake_is_told_where_it_is() {
        for (grants, code, pointer) in [
            ("7", Code::ManifestWrongType, "/step/0/grants"),
            ("{ key_value = \"write\" }", Code::ManifestWrongType, "/step/0/grants/key_value"),
            ("{ secrets = [\"A\"] }", Code::ManifestMissingGrant, "/step/0/grants"),
            ("{ secrets = \"A\" }", Code::ManifestWrongType, "/step/0/grants/secrets"),
            ("{ secrets = [\"a b\"] }", Code::ManifestBadName, "/step/0/grants/secrets/0"),
            ("{ secrets = [{ to = [] }] }", Code::ManifestMissingField, "/step/0/grants/secrets/0"),
            (
                "{ secrets = [\"A\", { name = \"A\" }] }",
                Code::ManifestConflictingFields,
                "/step/0/grants/secrets/1",
            ),
            ("{ fetch = [\"a/b\"] }", Code::ManifestBadText, "/step/0/grants/fetch/0"),
            ("{ fetsh = [] }", Code::ManifestUnknownField, "/step/0/grants/fetsh"),
            ("{ scratch = 1 }", Code::ManifestWrongType, "/step/0/grants/scratch"),
            ("{ scratch = \"1GiB\" }", Code::ManifestOutOfRange, "/step/0/grants/scratch"),
            ("{ scratch = \"0B\" }", Code::ManifestOutOfRange, "/step/0/grants/scratch"),
        ] {
            let found = read(&format!("component = \"c\"\ngrants = {grants}")).unwrap_err();
            assert_eq!(found[0], (code, pointer.to_owned()), "{grants}: {found:?}");
        }
    }
}
