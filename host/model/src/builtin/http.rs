//! The built-in step `http`: one call, made of templates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use super::{BadTemplate, Part, View, check, parts, references};
use crate::fetch::{Origin, is_token};
use crate::json::Json;
use crate::limits::{MAX_HEADER_BYTES, MAX_HEADERS, MAX_REQUEST_BYTES, MAX_URL_BYTES};
use crate::name::Name;
use crate::outcome::Input;
use crate::secret::Placeholders;

/// What a reference in a URL keeps as it is: nothing else is without a meaning there (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What an http step calls. Texts are templates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HttpCall {
    /// How.
    pub method: HttpMethod,
    /// Where to. What a reference becomes is percent-encoded, unless it is all there is.
    pub url: String,
    /// Headers; names in lower case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// What is sent: a text as it is, anything else as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

macro_rules! methods {
    ($($variant:ident = $text:literal;)*) => {
        /// A method of HTTP (RFC 9110, 9; RFC 5789).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        #[expect(missing_docs, reason = "the RFC says what they mean")]
        pub enum HttpMethod { $($variant,)* }

        impl HttpMethod {
            /// Every method with its name.
            pub const NAMES: &'static [(&'static str, Self)] = &[$(($text, Self::$variant),)*];

            /// Its name.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

methods! {
    Get = "GET";
    Head = "HEAD";
    Post = "POST";
    Put = "PUT";
    Patch = "PATCH";
    Delete = "DELETE";
    Options = "OPTIONS";
}

impl HttpMethod {
    /// Whether a request with it can carry a body.
    pub fn takes_body(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Options => false,
            Self::Post | Self::Put | Self::Patch | Self::Delete => true,
        }
    }
}

impl fmt::Display for HttpMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A call whose templates are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// How.
    pub method: HttpMethod,
    /// Where to: `https` or `http`, with a host, without user, password and fragment.
    pub url: Url,
    /// Headers, names in lower case; no value has control characters.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// A request as a handler asks for it. An error says in one sentence why it cannot be sent.
    pub fn new(
        method: &str,
        url: &str,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    ) -> Result<Self, String> {
        let known = HttpMethod::NAMES.iter().find(|(name, _)| *name == method);
        let Some((_, method)) = known.copied() else {
            let names: Vec<&str> = HttpMethod::NAMES.iter().map(|(name, _)| *name).collect();
            return Err(format!("its method is none of {}", names.join(", ")));
        };
        if !body.is_empty() && !method.takes_body() {
            return Err(format!("`{method}` sends no body"));
        }
        if headers.len() > MAX_HEADERS {
            return Err(format!("it has {} headers and may have {MAX_HEADERS}", headers.len()));
        }
        if headers.iter().map(header_bytes).sum::<usize>() > MAX_HEADER_BYTES {
            return Err(format!("its headers have more than {MAX_HEADER_BYTES} bytes"));
        }
        let lower = |(name, value): (String, String)| {
            let name = name.to_ascii_lowercase();
            let is_sent = |c: char| matches!(c, ' '..='~' | '\t');
            match is_token(&name) && value.chars().all(is_sent) {
                true => Ok((name, value)),
                false => Err(format!("header `{}` cannot be sent", name.escape_debug())),
            }
        };
        let headers = headers.into_iter().map(lower).collect::<Result<_, _>>()?;
        let url = read_url(url).map_err(|why| why.to_string())?;
        Ok(Self { method, url, headers, body })
    }
}

fn header_bytes((name, value): &(String, String)) -> usize {
    name.len() + value.len() + 4
}

impl HttpCall {
    /// The origin its URL spells out; `None` where a reference has a part in it. An error: no reference could make a
    /// call of these templates.
    pub fn origin(&self) -> Result<Option<Origin>, BadTemplate> {
        let parts = parts(&self.url)?;
        for part in &parts {
            if let Part::Reference(path) = part {
                check(path)?;
            }
        }
        if let [Part::Reference(_)] = parts[..] {
            return Ok(None);
        }
        let mut sample = String::new();
        let mut first = None;
        for part in parts {
            match part {
                Part::Text(text) => sample.push_str(text),
                Part::Reference(_) => {
                    first.get_or_insert(sample.len());
                    // What stands for it cannot end the part of the URL it is in.
                    sample.push('x');
                }
            }
        }
        let authority = authority(&sample)?;
        let is_templated = first.is_some_and(|at| at < authority.end);
        if is_templated {
            sample.replace_range(authority, "x");
        }
        let url = read_url(&sample)?;
        Ok(Origin::of(&url).filter(|_| !is_templated))
    }

    /// Checks the templates of headers and body: no reference may be one that never names anything.
    pub fn check(&self) -> Result<(), BadTemplate> {
        for value in self.headers.values() {
            for part in parts(value)? {
                if let Part::Reference(path) = part
                    && secret(path).is_none()
                {
                    check(path)?;
                }
            }
        }
        self.body.as_ref().map_or(Ok(Vec::new()), references).map(drop)
    }

    /// The secrets its headers take, each once.
    pub fn secrets(&self) -> BTreeSet<Name> {
        let parts = self.headers.values().filter_map(|value| parts(value).ok()).flatten();
        let named = parts.filter_map(|part| match part {
            Part::Reference(path) => secret(path),
            Part::Text(_) => None,
        });
        named.collect()
    }

    /// The call, each `${…}` replaced; that of a secret by its placeholder. At most [`MAX_REQUEST_BYTES`] are copied.
    pub fn fill(
        &self,
        flow_input: &Json,
        given: &Input,
        placeholders: &Placeholders,
    ) -> Result<HttpRequest, BadTemplate> {
        let view = View { most: MAX_REQUEST_BYTES, ..View::of(flow_input, given) };
        let url = view.url(&self.url)?;
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        for (name, value) in &self.headers {
            headers.push((name.clone(), view.header((name, value), placeholders)?));
        }
        if headers.iter().map(header_bytes).sum::<usize>() > MAX_HEADER_BYTES {
            return Err(BadTemplate::TooLarge(MAX_HEADER_BYTES));
        }
        let (body, kind) = match self.body.as_ref().map(|body| view.body(body)).transpose()? {
            None => (Vec::new(), None),
            Some(Value::String(text)) => (text.into_bytes(), Some("text/plain; charset=utf-8")),
            Some(value) => (value.to_string().into_bytes(), Some("application/json")),
        };
        if body.len() > MAX_REQUEST_BYTES {
            return Err(BadTemplate::TooLarge(MAX_REQUEST_BYTES));
        }
        if let Some(kind) = kind.filter(|_| !self.headers.contains_key("content-type")) {
            headers.push(("content-type".to_owned(), kind.to_owned()));
        }
        Ok(HttpRequest { method: self.method, url, headers, body })
    }
}

impl View {
    fn url(&self, template: &str) -> Result<Url, BadTemplate> {
        let parts = parts(template)?;
        if let [Part::Reference(path)] = parts[..] {
            // Nothing is around it that it could change.
            return read_url(&self.scalar(path)?);
        }
        let mut filled = String::new();
        for part in parts {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Reference(path) => {
                    let text = self.scalar(path)?;
                    // A segment that goes away makes another path of it.
                    if text.is_empty() && !filled.contains('?') {
                        return Err(BadTemplate::EmptyInPath(path.to_owned()));
                    }
                    filled.extend(utf8_percent_encode(&text, ENCODED));
                }
            }
        }
        read_url(&filled)
    }

    fn header(
        &self,
        (name, template): (&str, &str),
        placeholders: &Placeholders,
    ) -> Result<String, BadTemplate> {
        let mut filled = String::new();
        for part in parts(template)? {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Reference(path) => match secret(path) {
                    Some(name) => filled.push_str(&placeholders.of(&name)),
                    None => filled.push_str(&self.scalar(path)?),
                },
            }
        }
        let is_sent = |c: char| matches!(c, ' '..='~' | '\t');
        if filled.chars().all(is_sent) {
            Ok(filled)
        } else {
            Err(BadTemplate::BadHeader(name.to_owned()))
        }
    }

    fn body(&self, template: &Json) -> Result<Value, BadTemplate> {
        self.fill(&serde_json::from_str(template.as_str()).unwrap_or_default())
    }

    /// What a reference names, as text; an object, an array or null has none.
    fn scalar(&self, path: &str) -> Result<String, BadTemplate> {
        let value = self.find(path)?;
        self.pay(value)?;
        let what = match value {
            Value::String(text) => return Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => return Ok(value.to_string()),
            Value::Null => "null",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        Err(BadTemplate::NoText(path.to_owned(), what))
    }
}

/// The secret that a reference of a header names.
fn secret(path: &str) -> Option<Name> {
    path.strip_prefix("secrets.")?.parse().ok()
}

/// Where the authority of a URL is in its text: what comes after `https://` or `http://`.
fn authority(text: &str) -> Result<std::ops::Range<usize>, BadTemplate> {
    let bad = |why: &str| Err(BadTemplate::BadUrl(why.to_owned()));
    let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest else {
        return bad("it begins with `https://` or `http://`");
    };
    if text.contains('\\') || text.contains(char::is_control) {
        return bad("it has no backslash and no control character");
    }
    let start = text.len() - rest.len();
    let end = rest.find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    match &text[start..end] {
        "" => bad("it names a host"),
        named if named.contains('@') => bad("it names no user and no password; send a header"),
        _ => Ok(start..end),
    }
}

/// A URL that means one thing to everybody who reads it: no user, no fragment, no `.` or `..` to be resolved.
fn read_url(text: &str) -> Result<Url, BadTemplate> {
    let bad = |why: String| BadTemplate::BadUrl(why);
    if text.len() > MAX_URL_BYTES {
        return Err(bad(format!("it has at most {MAX_URL_BYTES} bytes")));
    }
    let authority = authority(text)?;
    let path = text[authority.end..].split(['?', '#']).next().unwrap_or_default();
    let is_dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(is_dots) {
        return Err(bad("no part of its path is `.` or `..`".to_owned()));
    }
    let url = Url::parse(text).map_err(|why| bad(format!("it is a URL ({why})")))?;
    if url.fragment().is_some() {
        return Err(bad("it has no `#`, which is never sent".to_owned()));
    }
    let has_user = !url.username().is_empty() || url.password().is_some();
    match Origin::of(&url) {
        Some(_) if !has_user => Ok(url),
        Some(_) | None => Err(bad("it names a host, no user and no password".to_owned())),
    }
}

#[cfg(test)]
mod tests;
