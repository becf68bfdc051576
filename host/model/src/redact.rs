//! Hides the values of secret-named fields in what guests tell about themselves: log fields and the details of errors.

use serde_json::Value;

use crate::json::Json;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// A field whose name has one of these in it holds a secret, whatever stands between the words.
const WITHIN: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "apikey",
    "accesskey",
    "privatekey",
    "signingkey",
    "credential",
    "authorization",
    "cookie",
];

/// A field whose name ends with one of these holds a secret; `tokens` and `token_count` do not.
const LAST: &[&str] = &["token", "pwd", "jwt", "bearer"];

/// The same JSON with the texts, arrays and objects of secret-named fields replaced by [`REDACTED`]. Numbers, booleans and
/// null stay: what counts or says whether there is one is no secret. Without such a field the text stays as it was.
#[must_use]
pub fn redact(json: Json) -> Json {
    let Ok(mut value) = serde_json::from_str::<Value>(json.as_str()) else {
        return json;
    };
    if hide(&mut value) { Json::trusted(value.to_string()) } else { json }
}

/// True when something was hidden.
fn hide(value: &mut Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        Value::Array(items) => items.iter_mut().fold(false, |hidden, item| hide(item) | hidden),
        Value::Object(members) => members.iter_mut().fold(false, |hidden, (name, member)| {
            let is_telling =
                matches!(member, Value::String(_) | Value::Array(_) | Value::Object(_));
            if is_telling && is_secret(name) {
                *member = Value::String(REDACTED.to_owned());
                return true;
            }
            hide(member) | hidden
        }),
    }
}

fn is_secret(name: &str) -> bool {
    let name: String =
        name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    WITHIN.iter().any(|word| name.contains(word)) || LAST.iter().any(|word| name.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_named_fields_are_hidden_at_any_depth_and_nothing_else_is() {
        let hidden = |text: &str| redact(Json::trusted(text)).as_str().to_owned();
        assert_eq!(
            hidden(
                r#"{"user":"ann","password":"x","deep":[{"API-Key":["k"],"n":1}],"accessToken":{"a":1}}"#
            ),
            r#"{"accessToken":"[redacted]","deep":[{"API-Key":"[redacted]","n":1}],"password":"[redacted]","user":"ann"}"#
        );
        for kept in [
            r#"{"max_tokens":512, "token_count" : 7}"#,
            r#"{"password":null,"secret":true,"token":12}"#,
            r#"{"note":"the password is x"}"#,
            r#"["token","secret"]"#,
            "1",
        ] {
            assert_eq!(hidden(kept), kept);
        }
        for name in [
            "passwd",
            "client_secret",
            "AUTHORIZATION",
            "Set-Cookie",
            "refresh_token",
            "x-api-key",
            "db.password",
        ] {
            assert_eq!(
                hidden(&format!("{{\"{name}\":\"v\"}}")),
                format!("{{\"{name}\":\"{REDACTED}\"}}")
            );
        }
    }
}
