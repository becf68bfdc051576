//! The live effects a guest may have: narrow traits, implemented by whoever makes calls and keeps values.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use model::{Name, Placeholders};
use wasmtime::component::{ComponentType, Lower};

/// Something that is being done.
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What one attempt was granted. Defaults to nothing: each call of it answers that it is denied.
#[derive(Clone, Default)]
pub struct Ports {
    /// Sends its requests.
    pub fetch: Option<Arc<dyn Fetch>>,
    /// Keeps its values.
    pub key_value: Option<Arc<dyn KeyValue>>,
    /// The secrets it may name.
    pub secrets: Option<Secrets>,
    /// The most bytes in a folder of its own; none: it sees no folder.
    pub scratch_bytes: Option<u64>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("fetch", &self.fetch.is_some())
            .field("key_value", &self.key_value.is_some())
            .field("secrets", &self.secrets.as_ref().map(|secrets| &secrets.names))
            .field("scratch_bytes", &self.scratch_bytes)
            .finish()
    }
}

/// Sends requests. Dropping what is being done ends it.
pub trait Fetch: Send + Sync {
    /// Sends one request and reads the whole answer.
    fn send(&self, request: FetchRequest) -> Doing<'_, Result<FetchAnswer, FetchError>>;
}

/// Keeps the values of one flow.
pub trait KeyValue: Send + Sync {
    /// The value of a key.
    fn get(&self, key: String) -> Doing<'_, Result<Option<Vec<u8>>, StoreError>>;

    /// Sets a value where the key has the expected one; false: it has another one. Durable on return.
    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        expected: Expected,
    ) -> Doing<'_, Result<bool, StoreError>>;

    /// Deletes a key; false: it was not there.
    fn delete(&self, key: String) -> Doing<'_, Result<bool, StoreError>>;

    /// Keys with this prefix, those after this one.
    fn list(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Doing<'_, Result<Vec<String>, StoreError>>;
}

/// The secrets an attempt may name; their values are never here.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Their names.
    pub names: Vec<Name>,
    /// What stands for them.
    pub placeholders: Placeholders,
}

/// A request as the guest asks for it: unchecked but for the size of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// How.
    pub method: String,
    /// Where to.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// How long it may take; never more than what is left of the attempt.
    pub timeout: Duration,
    /// True: the guest chose that time, and it is less than what is left.
    pub is_chosen: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(record)]
pub struct FetchAnswer {
    /// The status.
    pub status: u16,
    /// Headers in the order they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl FetchAnswer {
    /// Bytes that cross the line.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + header_bytes(&self.headers)
    }
}

impl FetchRequest {
    /// Bytes that cross the line.
    pub(crate) fn bytes(&self) -> usize {
        self.method.len() + self.url.len() + self.body.len() + header_bytes(&self.headers)
    }
}

fn header_bytes(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len()).sum()
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub enum FetchError {
    /// It cannot be sent as it is.
    #[component(name = "invalid")]
    Invalid(String),
    /// It is not granted, or not allowed by the operator.
    #[component(name = "denied")]
    Denied(String),
    /// Its address is not public.
    #[component(name = "refused-address")]
    RefusedAddress(String),
    /// The name has no address.
    #[component(name = "dns")]
    Dns(String),
    /// Nobody took the connection.
    #[component(name = "connect")]
    Connect(String),
    /// No secure connection could be made.
    #[component(name = "tls")]
    Tls(String),
    /// Its time was over.
    #[component(name = "timeout")]
    Timeout,
    /// A body has more than so many bytes.
    #[component(name = "too-large")]
    TooLarge(u64),
    /// The attempt has made so many, and may make no more.
    #[component(name = "too-many")]
    TooMany(u32),
    /// Requests to the origin are held back, for so many milliseconds.
    #[component(name = "dependency-unavailable")]
    DependencyUnavailable(u64),
    /// The claim on the task no longer holds.
    #[component(name = "lost-claim")]
    LostClaim,
    /// The answer broke off, or the host is at fault.
    #[component(name = "other")]
    Other(String),
}

/// What a key must have for its value to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it has.
    Anything,
    /// No value.
    Nothing,
    /// This value.
    Value(Vec<u8>),
}

/// Why a value was not kept or found.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub enum StoreError {
    /// It is not granted.
    #[component(name = "denied")]
    Denied(String),
    /// The key cannot be one.
    #[component(name = "invalid")]
    Invalid(String),
    /// The value has more than so many bytes.
    #[component(name = "too-large")]
    TooLarge(u64),
    /// The attempt has made so many calls or moved so many bytes, and may do no more.
    #[component(name = "too-many")]
    TooMany(u64),
    /// The tenant's values would have more than so many bytes.
    #[component(name = "full")]
    Full(u64),
    /// The claim on the task no longer holds.
    #[component(name = "lost-claim")]
    LostClaim,
    /// The host is at fault.
    #[component(name = "other")]
    Other(String),
}

/// Why there is no placeholder.
#[derive(Clone, Debug, PartialEq, Eq, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum SecretError {
    /// It is not granted.
    #[component(name = "denied")]
    Denied(String),
}
