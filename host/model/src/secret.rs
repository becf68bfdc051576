//! Placeholders: what stands for a secret until the host puts its value into a header.

use memchr::memmem;

use crate::builtin::HttpRequest;
use crate::fetch::Origin;
use crate::grant::Grants;
use crate::name::Name;

/// Shortest value of a secret, in bytes: what is shorter is found by chance in an answer, where it is to be hidden.
pub const MIN_SECRET_BYTES: usize = 8;
/// Longest value of a secret, in bytes.
pub const MAX_SECRET_BYTES: usize = 8 * 1024;

/// The placeholders of one attempt. Whoever does not know their number cannot write one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placeholders(String);

impl Placeholders {
    /// Those with this number, which nobody can guess.
    pub fn new(number: u128) -> Self {
        Self(format!("{number:032x}"))
    }

    /// What stands for a secret.
    pub fn of(&self, name: &Name) -> String {
        format!("{{{{secret:{}:{name}}}}}", self.0)
    }

    /// Whether a placeholder, or a part of one, is in a text.
    fn is_in(&self, text: &[u8]) -> bool {
        memmem::find(text, self.0.as_bytes()).is_some()
    }

    /// The secrets whose placeholders are in the headers of a request. An error, one sentence: one is where none is
    /// replaced, or stands for what is not granted there.
    pub fn find(
        &self,
        request: &HttpRequest,
        grants: &Grants,
        origin: &Origin,
    ) -> Result<Vec<Name>, String> {
        for (what, text) in [("URL", request.url.as_str().as_bytes()), ("body", &request.body)] {
            if self.is_in(text) {
                return Err(format!(
                    "the placeholder of a secret is in the {what}; it belongs into the value of a header"
                ));
            }
        }
        let mut found = Vec::new();
        for (name, value) in &request.headers {
            if self.is_in(name.as_bytes()) {
                return Err("the placeholder of a secret is in the name of a header".to_owned());
            }
            let mut rest = value.clone();
            for secret in &grants.secrets {
                let placeholder = self.of(&secret.name);
                if !rest.contains(&placeholder) {
                    continue;
                }
                if !secret.covers(origin) {
                    let name = &secret.name;
                    return Err(format!("secret `{name}` is not granted toward `{origin}`"));
                }
                rest = rest.replace(&placeholder, "");
                found.push(secret.name.clone());
            }
            if self.is_in(rest.as_bytes()) {
                return Err(format!(
                    "header `{name}` has what is no placeholder of a granted secret"
                ));
            }
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

/// Why a text cannot be the value of a secret, if so. Never quotes it.
pub fn misfit(value: &str) -> Option<String> {
    if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&value.len()) {
        return Some(format!("it has {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes"));
    }
    let is_sent = |byte: u8| matches!(byte, b' '..=b'~');
    let is_bare = value.trim().len() == value.len();
    let fits = value.bytes().all(is_sent) && is_bare;
    (!fits).then(|| {
        "it is put into headers: visible ASCII, no line breaks, no space at either end".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::SecretGrant;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn find(url: &str, header: &str, body: &str) -> Result<Vec<String>, String> {
        let headers = vec![("authorization".to_owned(), header.to_owned())];
        let body = body.as_bytes().to_vec();
        let request = HttpRequest::new("POST", url, headers, body).unwrap();
        let to = vec!["a.net".parse().unwrap()];
        let secrets = vec![
            SecretGrant { name: name("ANYWHERE"), to: Vec::new() },
            SecretGrant { name: name("THERE"), to },
        ];
        let grants = Grants { secrets, ..Grants::default() };
        let origin = Origin::of(&request.url).unwrap();
        let found = Placeholders::new(7).find(&request, &grants, &origin)?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_placeholder_is_replaced_in_a_header_toward_where_it_is_granted_and_refused_elsewhere() {
        let of = |text: &str| Placeholders::new(7).of(&name(text));
        let (anywhere, there, other) = (of("ANYWHERE"), of("THERE"), of("OTHER"));
        let both = format!("Bearer {there} {anywhere}{anywhere}");
        assert_eq!(find("https://a.net/x", &both, "b").unwrap(), ["ANYWHERE", "THERE"]);
        assert_eq!(find("https://b.net/x", &anywhere, "b").unwrap(), ["ANYWHERE"]);
        assert_eq!(find("https://b.net/x", "none", "b").unwrap(), Vec::<String>::new());
        for (url, header, body) in [
            ("https://b.net/x", &there[..], ""),
            ("https://a.net/x", &other, ""),
            ("https://a.net/x", &anywhere[..45], ""),
            ("https://a.net/x", "none", &anywhere),
            (&format!("https://a.net/{anywhere}"), "none", ""),
            (&format!("https://a.net/?q={anywhere}"), "none", ""),
            (&format!("https://a{:032x}.net/", 7), "none", ""),
        ] {
            assert!(find(url, header, body).is_err(), "{url} {header} {body}");
        }
        // That of another attempt is a text like any other.
        let stale = Placeholders::new(8).of(&name("ANYWHERE"));
        assert_eq!(find("https://a.net/x", &stale, &stale).unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_cannot_be_sent_or_hidden_is_no_secret() {
        assert_eq!(misfit("sk_live_0123456789"), None);
        for value in ["", "short", "with\nbreak", " at the end ", "grüße-grüße"] {
            let why = misfit(value).unwrap();
            assert!(value.is_empty() || !why.contains(value), "{why}");
        }
    }
}
