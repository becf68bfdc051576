//! The one way out: calls over HTTP that a step's grants and the operator's list both allow, to addresses that are public.
//!
//! A call is [permitted](Outbound::permit) before it is sent. Its name is resolved once, while it connects; one address
//! that is not public refuses it, and the connection goes to exactly what was looked at. Nothing is followed, kept or
//! decoded on the way: no redirects, proxies, cookies or compression.

mod address;
mod answer;
mod client;
mod lookup;

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use model::fetch::is_framing;
use model::limits::MAX_HEADER_BYTES;
use model::{FetchPattern, Grants, HttpMethod, HttpRequest, Origin, TenantId};
use reqwest::Method;
use reqwest::header::{
    ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue, IF_RANGE, RANGE, USER_AGENT,
};
use url::{Host, Url};
use zeroize::Zeroizing;

pub use address::is_global;
pub use answer::Answer;

use crate::client::Clients;

/// What every call says of its sender, unless it says something itself.
const AGENT: &str = concat!("stepcell/", env!("CARGO_PKG_VERSION"));

/// What the operator allows. Defaults to nothing.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Where calls may go.
    pub allowed: Vec<FetchPattern>,
    /// Networks whose addresses count as public.
    pub networks: Vec<Network>,
}

/// A network: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let one = || text.parse::<IpAddr>().map(IpNet::from).ok();
        let network = text.parse().ok().or_else(one).map(Self);
        network
            .ok_or_else(|| "a network is written `10.0.0.0/8`, `fd00::/8` or `10.0.0.7`".to_owned())
    }
}

/// Why a call was not made, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One side does not allow it; says which, and what would.
    #[error("{0}")]
    Denied(String),
    /// Its address is not public, and in no network the operator names.
    #[error("{0}")]
    RefusedAddress(String),
    /// It cannot be sent as it is.
    #[error("{0}")]
    Invalid(String),
    /// Its name has no address.
    #[error("{0}")]
    Dns(String),
    /// Nobody took the connection.
    #[error("{0}")]
    Connect(String),
    /// No secure connection could be made.
    #[error("{0}")]
    Tls(String),
    /// The answer broke off; says why.
    #[error("{0}")]
    Failed(String),
    /// The answer is larger than it may be, in bytes.
    #[error("the answer is over {0} bytes")]
    TooLarge(usize),
    /// A fault of this host.
    #[error("no call can be made from this host: {0}")]
    Host(String),
}

/// Makes calls. Clones share what is under way.
#[derive(Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    settings: Settings,
    clients: Clients,
}

/// A call that both sides allow.
#[derive(Debug)]
pub struct Call {
    method: Method,
    url: Url,
    origin: Origin,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Call {
    /// Where it goes.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Puts a secret into its headers, in place of what stands for it. No error quotes it.
    pub fn reveal(&mut self, placeholder: &str, secret: &str) -> Result<(), Error> {
        let places = |value: &HeaderValue| {
            value.to_str().map_or(0, |text| text.matches(placeholder).count())
        };
        let bytes = self.headers.iter().map(|(name, value)| {
            let filled = value.len() + places(value) * secret.len();
            name.as_str().len() + filled.saturating_sub(places(value) * placeholder.len())
        });
        // Before anything of that size is made.
        if bytes.sum::<usize>() > MAX_HEADER_BYTES {
            let why =
                format!("with secrets in it, its headers have more than {MAX_HEADER_BYTES} bytes");
            return Err(Error::Invalid(why));
        }
        for (name, value) in &mut self.headers {
            let Some(text) = value.to_str().ok().filter(|text| text.contains(placeholder)) else {
                continue;
            };
            let filled = Zeroizing::new(text.replace(placeholder, secret));
            let mut filled = HeaderValue::from_str(&filled)
                .map_err(|_| Error::Invalid(format!("header `{name}` cannot be sent")))?;
            filled.set_sensitive(true);
            *value = filled;
        }
        Ok(())
    }

    /// Asks for the whole answer as it is: in parts or encoded, what it repeats is not found in it.
    pub fn want_plain(&mut self) {
        for name in [ACCEPT_ENCODING, RANGE, IF_RANGE] {
            self.headers.remove(name);
        }
    }
}

impl Outbound {
    /// Makes calls as the operator allows them.
    pub fn new(settings: Settings) -> Self {
        let clients = Clients::new(settings.networks.clone());
        Self(Arc::new(Inner { settings, clients }))
    }

    /// The call, if the step's grants and the operator both allow it. Nothing is sent or looked up yet.
    pub fn permit(&self, grants: &Grants, request: HttpRequest) -> Result<Call, Error> {
        let HttpRequest { method, url, headers, body } = request;
        let Some(origin) = Origin::of(&url) else {
            return Err(Error::Invalid(format!("`{}` is no URL of a host", url.scheme())));
        };
        if !grants.covers(&origin) {
            let pattern = FetchPattern::from(&origin);
            let why = format!(
                "the step may not call `{origin}`; `grants = {{ fetch = [\"{pattern}\"] }}` on it would allow it"
            );
            return Err(Error::Denied(why));
        }
        if !self.0.settings.allowed.iter().any(|pattern| pattern.covers(&origin)) {
            let pattern = FetchPattern::from(&origin);
            let why = format!(
                "this host's operator does not allow calls to `{origin}`; `--allow-fetch '{pattern}'` would"
            );
            return Err(Error::Denied(why));
        }
        let literal = match url.host() {
            Some(Host::Ipv4(ip)) => Some(ip.into()),
            Some(Host::Ipv6(ip)) => Some(ip.into()),
            Some(Host::Domain(_)) | None => None,
        };
        if let Some(ip) = literal.filter(|ip| !address::is_allowed(*ip, &self.0.settings.networks))
        {
            return Err(Error::RefusedAddress(address::not_public(&ip.to_string())));
        }
        let headers = read_headers(headers)?;
        Ok(Call { method: read_method(method), url, origin, headers, body })
    }

    /// Sends a call of a tenant and answers the head of what came back; the body is read from it.
    pub async fn send(&self, tenant: TenantId, call: Call) -> Result<Answer, Error> {
        let client = self.0.clients.of(&call.url)?;
        let Call { method, url, origin: _, headers, body } = call;
        let mut request = client.request(method, url).headers(headers);
        if !body.is_empty() {
            request = request.body(body);
        }
        let response = lookup::OF_TENANT.scope(tenant, request.send()).await;
        let response = response.map_err(|error| client::refused(&error))?;
        Answer::of(response)
    }
}

fn read_method(method: HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
    }
}

/// The headers a caller may set; the client sets the others itself.
fn read_headers(headers: Vec<(String, String)>) -> Result<HeaderMap, Error> {
    let mut read = HeaderMap::with_capacity(headers.len() + 1);
    for (name, value) in headers {
        let bad = || Error::Invalid(format!("header `{}` cannot be sent", name.escape_debug()));
        let known = HeaderName::try_from(&name).map_err(|_| bad())?;
        let value = HeaderValue::try_from(value).map_err(|_| bad())?;
        if !is_framing(known.as_str()) {
            read.append(known, value);
        }
    }
    read.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
    Ok(read)
}

#[cfg(test)]
mod tests;
