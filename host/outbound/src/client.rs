//! The HTTP clients: names are resolved through the address check, and nothing is done that a call did not ask for.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use url::Url;

use crate::address::{is_allowed, not_public};
use crate::lookup::{Lookups, OF_TENANT};
use crate::{Error, Network};

/// How long to try to connect, all addresses together.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Connections kept for one origin that nobody uses. There is no bound on origins, so any number of each is too many.
const MOST_IDLE: usize = 0;

/// One client for each scheme, made when it is first used: the system's certificates take a while to read, and a host
/// without them can still speak plain http.
pub(crate) struct Clients {
    resolver: Arc<Vetted>,
    secure: OnceLock<Result<Client, String>>,
    plain: OnceLock<Result<Client, String>>,
}

impl Clients {
    pub(crate) fn new(networks: Vec<Network>) -> Self {
        let resolver = Arc::new(Vetted { networks: networks.into(), lookups: Lookups::default() });
        Self { resolver, secure: OnceLock::new(), plain: OnceLock::new() }
    }

    /// The client for calls to this URL.
    pub(crate) fn of(&self, url: &Url) -> Result<&Client, Error> {
        let made = match url.scheme() {
            "https" => self.secure.get_or_init(|| build(self.builder().https_only(true))),
            _ => self.plain.get_or_init(|| build(self.builder().tls_certs_only([]))),
        };
        made.as_ref().map_err(|why| Error::Host(why.clone()))
    }

    fn builder(&self) -> ClientBuilder {
        // The provider that the connection to Postgres uses too. Another call has installed it already: as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder()
            .dns_resolver(Arc::clone(&self.resolver))
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .http1_only()
            .connect_timeout(CONNECT_TIME)
            .pool_max_idle_per_host(MOST_IDLE)
    }
}

fn build(builder: ClientBuilder) -> Result<Client, String> {
    builder.build().map_err(|error| root_cause(&error))
}

/// Resolves names, and refuses those that have an address which is not public.
struct Vetted {
    networks: Arc<[Network]>,
    lookups: Lookups,
}

impl Resolve for Vetted {
    fn resolve(&self, name: Name) -> Resolving {
        let (networks, lookups) = (Arc::clone(&self.networks), self.lookups.clone());
        let tenant = OF_TENANT.try_with(|tenant| *tenant).ok();
        Box::pin(async move {
            let found = lookups.find(tenant, name.as_str().to_owned()).await;
            let found = found.map_err(Unresolved::NotFound)?;
            if let Some(inner) = found.iter().find(|found| !is_allowed(found.ip(), &networks)) {
                // Which address it is tells a tenant how the network inside is made.
                tracing::debug!(name = name.as_str(), ip = %inner.ip(), "a call to an inner address was refused");
                return Err(Unresolved::NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Why the resolver gives no address.
#[derive(Debug)]
enum Unresolved {
    /// One of the name's addresses is not public.
    NotPublic(String),
    /// It has none, or nobody could say.
    NotFound(io::Error),
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPublic(name) => f.write_str(&not_public(name)),
            Self::NotFound(why) => why.fmt(f),
        }
    }
}

impl StdError for Unresolved {}

/// What an I/O error wraps, at last: it is not among its causes.
fn unwrapped<'e>(mut error: &'e (dyn StdError + 'static)) -> &'e (dyn StdError + 'static) {
    while let Some(inner) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        error = inner;
    }
    error
}

/// What it means that a call was not answered.
pub(crate) fn refused(error: &reqwest::Error) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(this) = cause {
        let inner = unwrapped(this);
        match inner.downcast_ref::<Unresolved>() {
            Some(Unresolved::NotPublic(name)) => return Error::RefusedAddress(not_public(name)),
            Some(Unresolved::NotFound(why)) => return Error::Dns(why.to_string()),
            None => {}
        }
        if inner.is::<rustls::Error>() {
            return Error::Tls(inner.to_string());
        }
        cause = this.source();
    }
    match error.is_connect() {
        true => Error::Connect(root_cause(error)),
        false => Error::Failed(root_cause(error)),
    }
}

/// What an error comes from at last; what is above it repeats the URL.
pub(crate) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn StdError = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
