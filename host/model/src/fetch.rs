//! Where calls out may go: origins, and the patterns that grants and the operator's list are made of.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

/// Longest host name, RFC 1035.
const MAX_HOST_BYTES: usize = 253;

/// Headers that belong to the connection or frame the message (RFC 9110, 7.6.1): the client's own, never a caller's.
const FRAMING: [&str; 13] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a header, its name in lower case, belongs to the connection or frames the message.
pub fn is_framing(name: &str) -> bool {
    FRAMING.contains(&name)
}

/// Whether a text can be the name of a header: a token of RFC 9110, 5.6.2.
pub(crate) fn is_token(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_part)
}

/// Where a call goes: scheme, host and port; shown as a URL without its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    is_secure: bool,
    /// As a URL writes it: lower case, an IPv6 address in brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of a URL; `None` where it is neither `https` nor `http`, or its host is too long to be one.
    pub fn of(url: &Url) -> Option<Self> {
        let is_secure = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let host =
            url.host_str().filter(|host| !host.is_empty() && host.len() <= MAX_HOST_BYTES)?;
        Some(Self { is_secure, host: host.to_owned(), port: url.port_or_known_default()? })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FetchPattern::from(self).as_url(f)
    }
}

/// Which origins a call may go to: `api.example.com`, `*.example.org`, `http://10.0.0.7:8080`, `*`.
///
/// Plain http is only meant where the pattern begins with `http://`, and only the scheme's own port unless it ends with
/// another one, or with `:*`. `*.` stands for any name below, at any depth; `*` alone for any host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchPattern {
    is_secure: bool,
    hosts: Hosts,
    /// `None`: any.
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Any,
    /// The names below this one.
    Below(String),
    One(String),
}

/// A text is no pattern of origins.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` names no host: write `api.example.com`, `*.example.org` or `*`, with `http://` before it for plain http and \
     `:8080` behind it for another port"
)]
pub struct BadPattern(String);

impl FetchPattern {
    /// Whether calls to this origin are meant.
    pub fn covers(&self, origin: &Origin) -> bool {
        let host = origin.host.as_str();
        let is_meant = match &self.hosts {
            Hosts::Any => true,
            Hosts::One(name) => name == host,
            Hosts::Below(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|below| below.ends_with('.'))
            }
        };
        is_meant
            && self.is_secure == origin.is_secure
            && self.port.is_none_or(|port| port == origin.port)
    }

    /// Whether whoever answers there is not certain: it means more than one host, or plain http.
    pub(crate) fn is_broad(&self) -> bool {
        !self.is_secure
            || match self.hosts {
                Hosts::Any | Hosts::Below(_) => true,
                Hosts::One(_) => false,
            }
    }

    fn default_port(is_secure: bool) -> u16 {
        if is_secure { 443 } else { 80 }
    }

    fn as_url(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_secure {
            f.write_str("https://")?;
        }
        write!(f, "{self}")
    }
}

impl From<&Origin> for FetchPattern {
    /// The pattern of exactly this origin.
    fn from(origin: &Origin) -> Self {
        let Origin { is_secure, host, port } = origin.clone();
        Self { is_secure, hosts: Hosts::One(host), port: Some(port) }
    }
}

impl fmt::Display for FetchPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_secure {
            f.write_str("http://")?;
        }
        match &self.hosts {
            Hosts::Any => f.write_str("*")?,
            Hosts::Below(name) => write!(f, "*.{name}")?,
            Hosts::One(name) => f.write_str(name)?,
        }
        match self.port {
            None => f.write_str(":*"),
            Some(port) if port == Self::default_port(self.is_secure) => Ok(()),
            Some(port) => write!(f, ":{port}"),
        }
    }
}

impl FromStr for FetchPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadPattern(text.chars().take(80).flat_map(char::escape_debug).collect());
        let (is_secure, rest) = match text.split_once("://") {
            None => (true, text),
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(bad()),
        };
        let (host, port) = match rest.rsplit_once(':') {
            // A colon within brackets is part of an IPv6 address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            Some(_) | None => (rest, None),
        };
        let port = match port {
            None => Some(Self::default_port(is_secure)),
            Some("*") => None,
            Some(port) => Some(read_port(port).ok_or_else(bad)?),
        };
        let hosts = match host.strip_prefix("*.") {
            Some(_) | None if host == "*" => Hosts::Any,
            Some(below) => match read_host(below).ok_or_else(bad)? {
                Host::Domain(name) => Hosts::Below(name),
                Host::Ipv4(_) | Host::Ipv6(_) => return Err(bad()),
            },
            None => Hosts::One(read_host(host).ok_or_else(bad)?.to_string()),
        };
        Ok(Self { is_secure, hosts, port })
    }
}

fn read_port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port > 0)
}

/// A host in the spelling a URL has it in.
fn read_host(text: &str) -> Option<Host> {
    let host = Host::parse(text).ok().filter(|_| !text.contains(['*', '%']))?;
    (host.to_string().len() <= MAX_HOST_BYTES).then_some(host)
}

impl Serialize for FetchPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FetchPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(url: &str) -> Origin {
        Origin::of(&Url::parse(url).unwrap()).unwrap()
    }

    #[test]
    fn a_pattern_covers_its_scheme_host_and_port_and_no_other() {
        for (pattern, covered, others) in [
            (
                "api.example.com",
                &["https://api.example.com/x", "https://API.example.com:443/"][..],
                &[
                    "http://api.example.com",
                    "https://api.example.com:8443",
                    "https://api.example.com.evil.net",
                    "https://a.api.example.com",
                    "https://api.example.com.",
                ][..],
            ),
            (
                "*.example.org",
                &["https://a.example.org", "https://a.b.example.org"],
                &["https://example.org", "https://badexample.org", "http://a.example.org"],
            ),
            ("http://10.0.0.7:8080", &["http://0x0a000007:8080"], &["http://10.0.0.7"]),
            ("[::1]:8443", &["https://[0:0::1]:8443"], &["https://[::1]", "https://[::2]:8443"]),
            ("bücher.example", &["https://xn--bcher-kva.example"], &["https://bucher.example"]),
            ("*", &["https://a.net", "https://127.0.0.1"], &["http://a.net", "https://a.net:8443"]),
            ("http://*:*", &["http://a.net", "http://a.net:9"], &["https://a.net"]),
        ] {
            let pattern: FetchPattern = pattern.parse().unwrap();
            for url in covered {
                assert!(pattern.covers(&origin(url)), "{pattern} {url}");
            }
            for url in others {
                assert!(!pattern.covers(&origin(url)), "{pattern} {url}");
            }
        }
    }

    #[test]
    fn a_pattern_is_read_back_as_it_is_shown_and_an_origin_is_its_own() {
        for text in ["api.example.com", "*.example.org:*", "http://*", "*", "http://[::1]:81"] {
            let pattern: FetchPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
        }
        for url in ["https://a.net", "https://a.net:8443", "http://[::1]:81", "http://a.net"] {
            let origin = origin(url);
            assert_eq!(origin.to_string(), url);
            assert!(FetchPattern::from(&origin).covers(&origin));
        }
    }

    #[test]
    fn what_names_no_host_is_refused() {
        for text in [
            "",
            "*.",
            "*.*",
            "a.*",
            "ftp://a.net",
            "a.net/x",
            "a.net:0",
            "a.net:+1",
            "a.net:x",
            "u@a.net",
            "::1",
            "*.127.0.0.1",
            "*.1",
            "a b",
            "a%2eb",
            "https://",
            "a.net:",
        ] {
            assert!(text.parse::<FetchPattern>().is_err(), "{text}");
        }
    }
}
