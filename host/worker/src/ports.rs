//! What an attempt was granted, as the sandbox asks for it: calls out, values, secrets.

use std::sync::Arc;
use std::time::Duration;

use model::limits::MAX_ANSWER_BYTES;
use model::limits::MAX_TENANT_VALUE_BYTES;
use model::{
    Failure, FailureKind, FlowId, HttpRequest, KeyValueGrant, Placeholders, Step, StepIndex,
    Version,
};
use outbound::Error;
use sandbox::{
    Doing, Expected, Fetch, FetchAnswer, FetchError, FetchRequest, KeyValue, Ports, Secrets,
    StoreError,
};
use store::{Claim, FlowKey, RunFacts, ValueBefore, ValueWritten};

use crate::Shared;
use crate::outgoing::{Answered, Caller, Patience, Unanswered, Wanted};
use crate::prepare::patiently;

/// What the attempts of a step are granted, as long as the claim they are made under holds.
pub(crate) fn ports(
    shared: &Arc<Shared>,
    claim: Claim,
    run: &RunFacts,
    version: &Arc<Version>,
    step: StepIndex,
) -> Ports {
    let grants = &version.plan.step(step).grants;
    if grants.is_empty() {
        return Ports::default();
    }
    let placeholders = Placeholders::new(rand::random());
    let names: Vec<_> = grants.secrets.iter().map(|secret| secret.name.clone()).collect();
    let secrets = Secrets { names, placeholders: placeholders.clone() };
    let caller = || {
        let (shared, version) = (Arc::clone(shared), Arc::clone(version));
        Caller { shared, claim, version, step, placeholders }
    };
    let keeping = |grant| {
        let (shared, flow) = (Arc::clone(shared), run.flow_id);
        Arc::new(Keeping { shared, claim, flow, grant }) as Arc<dyn KeyValue>
    };
    Ports {
        secrets: (!grants.secrets.is_empty()).then_some(secrets),
        fetch: (!grants.fetch.is_empty()).then(|| Arc::new(Fetching(caller())) as Arc<dyn Fetch>),
        key_value: grants.key_value.map(keeping),
        scratch_bytes: grants.scratch,
    }
}

/// The operator may forbid what a version that was registered before is granted.
pub(crate) fn check_policy(shared: &Shared, step: &Step) -> Result<(), Failure> {
    match step.grants.capabilities().find(|capability| shared.sandbox.forbids(*capability)) {
        None => Ok(()),
        Some(capability) => {
            let message = format!(
                "this host's operator forbids `{capability}` (`--forbid`), which step `{}` is granted",
                step.name
            );
            Err(Failure::new(FailureKind::CapabilityDenied, message))
        }
    }
}

/// Sends the requests of a handler.
struct Fetching(Caller);

impl Fetch for Fetching {
    fn send(&self, request: FetchRequest) -> Doing<'_, Result<FetchAnswer, FetchError>> {
        Box::pin(async move {
            let FetchRequest { method, url, headers, body, timeout, is_chosen } = request;
            let request = HttpRequest::new(&method, &url, headers, body);
            let request = request.map_err(FetchError::Invalid)?;
            let patience = match is_chosen {
                true => Patience::of_guest(timeout),
                false => Patience::of_step(timeout),
            };
            let whole = |_status| Wanted::Whole(MAX_ANSWER_BYTES);
            let answered = self.0.call(request, patience, whole).await;
            let Answered { status, headers, body } = answered.map_err(unanswered)?;
            Ok(FetchAnswer { status, headers, body })
        })
    }
}

fn unanswered(why: Unanswered) -> FetchError {
    match why {
        Unanswered::Outbound(error) => match error {
            Error::Denied(why) => FetchError::Denied(why),
            Error::RefusedAddress(why) => FetchError::RefusedAddress(why),
            Error::Invalid(why) => FetchError::Invalid(why),
            Error::Dns(why) => FetchError::Dns(why),
            Error::Connect(why) => FetchError::Connect(why),
            Error::Tls(why) => FetchError::Tls(why),
            Error::Failed(why) => FetchError::Other(why),
            Error::TooLarge(most) => FetchError::TooLarge(most as u64),
            Error::Host(_) => FetchError::Other(error.to_string()),
        },
        Unanswered::HeldBack(_, retry_in) => FetchError::DependencyUnavailable(ms(retry_in)),
        Unanswered::NotHeld => FetchError::LostClaim,
        Unanswered::TimedOut => FetchError::Timeout,
        Unanswered::Host(failure) => FetchError::Other(failure.message),
    }
}

pub(crate) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Keeps the values of a flow.
struct Keeping {
    shared: Arc<Shared>,
    claim: Claim,
    flow: FlowId,
    grant: KeyValueGrant,
}

impl Keeping {
    fn at<'a>(&self, key: &'a str) -> FlowKey<'a> {
        FlowKey { tenant: self.claim.tenant(), flow: self.flow, key }
    }

    fn may_write(&self) -> Result<(), StoreError> {
        match self.grant {
            KeyValueGrant::Write => Ok(()),
            KeyValueGrant::Read => {
                let why = "the step may only look; `key_value = true` would let it write";
                Err(StoreError::Denied(why.to_owned()))
            }
        }
    }
}

impl KeyValue for Keeping {
    fn get(&self, key: String) -> Doing<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async move {
            let found = patiently(|| self.shared.store.get_value(self.at(&key))).await;
            found.map_err(|failure| StoreError::Other(failure.message))
        })
    }

    fn set(
        &self,
        key: String,
        value: Vec<u8>,
        expected: Expected,
    ) -> Doing<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.may_write()?;
            let before = match &expected {
                Expected::Anything => ValueBefore::Any,
                Expected::Nothing => ValueBefore::None,
                Expected::Value(known) => ValueBefore::Is(known),
            };
            let store = &self.shared.store;
            written(store.set_value(&self.claim, self.at(&key), &value, before).await)
        })
    }

    fn delete(&self, key: String) -> Doing<'_, Result<bool, StoreError>> {
        Box::pin(async move {
            self.may_write()?;
            written(self.shared.store.delete_value(&self.claim, self.at(&key)).await)
        })
    }

    fn list(
        &self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> Doing<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let after = after.unwrap_or_default();
            let (store, at) = (&self.shared.store, self.at(&prefix));
            let found = patiently(|| store.list_values(at, &after, i64::from(limit))).await;
            found.map_err(|failure| StoreError::Other(failure.message))
        })
    }
}

/// A write is not made again: whether it was committed may not be known.
fn written(said: Result<ValueWritten, store::Error>) -> Result<bool, StoreError> {
    match said {
        Ok(ValueWritten::Done) => Ok(true),
        Ok(ValueWritten::Differs) => Ok(false),
        Ok(ValueWritten::Full) => Err(StoreError::Full(MAX_TENANT_VALUE_BYTES.unsigned_abs())),
        Ok(ValueWritten::NotHeld) => Err(StoreError::LostClaim),
        Err(error) => {
            tracing::warn!(%error, "a value could not be written");
            Err(StoreError::Other("whether it was written is not known; read it".to_owned()))
        }
    }
}
