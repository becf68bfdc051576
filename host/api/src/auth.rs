//! Who is calling: the key names the tenant and what it may do. Every way to fail looks the same.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::{Method, header, request};
use model::{Code, TenantId};
use store::{Actor, By, KeyRow, Scope, Store};
use subtle::ConstantTimeEq;

use crate::key::Key;
use crate::problem::Problem;
use crate::state::State;
use crate::weight::Asker;

/// How long a valid key is believed before Postgres is asked again: a revoked one works no longer than this, and what it holds
/// open ends before 5 s are over.
const BELIEVED: Duration = Duration::from_secs(4);

/// Keys that are believed at a time.
const MOST_BELIEVED: usize = 10_000;

/// Whoever sent the request, with a key that covers `N`. A handler that takes no caller is open to everybody.
pub(crate) struct Caller<N> {
    /// Whose things these are.
    pub(crate) tenant: TenantId,
    /// That tenant's name.
    pub(crate) tenant_name: String,
    /// The key.
    pub(crate) key: Arc<KeyRow>,
    needs: PhantomData<N>,
}

impl<N> Caller<N> {
    /// The caller, as what it changes is told.
    pub(crate) fn by(&self) -> By<'_> {
        By { tenant: self.tenant, actor: self.actor() }
    }

    /// The caller, whoever's things it changes.
    pub(crate) fn actor(&self) -> Actor<'_> {
        Actor::Key(&self.key.id)
    }

    /// Whether it may do what concerns every tenant.
    pub(crate) fn is_operator(&self) -> bool {
        self.key.scopes.contains(&Scope::Admin)
    }
}

/// A scope as a type, so that a handler's signature says what it needs.
pub(crate) trait Needs {
    /// The scope.
    const SCOPE: Scope;
}

macro_rules! needs {
    ($($(#[doc = $doc:literal])* $name:ident;)*) => {
        $($(#[doc = $doc])* pub(crate) struct $name;
        impl Needs for $name { const SCOPE: Scope = Scope::$name; })*
    };
}

needs! {
    /// Looking at things.
    Read;
    /// Starting and stopping runs.
    Run;
    /// Uploading, registering, activating.
    Deploy;
    /// What concerns every tenant.
    Admin;
}

impl<N: Needs> FromRequestParts<State> for Caller<N> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut request::Parts,
        state: &State,
    ) -> Result<Self, Self::Rejection> {
        // What is no key is looked up like one.
        let key = bearer(parts).unwrap_or_else(Key::nobody);
        let row = state.keys().find(state.store(), &key).await?.ok_or_else(unauthorized)?;
        if let Some(asker) = parts.extensions.get::<Asker>() {
            asker.is(row.tenant_id);
        }
        state.requests().take(state.store(), row.tenant_id).await?;
        if !row.scopes.contains(&N::SCOPE) && !row.scopes.contains(&Scope::Admin) {
            let scope = N::SCOPE.as_str();
            let detail =
                format!("this call needs the scope `{scope}`, which the key does not have");
            return Err(Problem::new(Code::Forbidden, detail));
        }
        if row.is_frozen && parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(frozen());
        }
        parts.extensions.insert(Sender { state: state.clone(), key: Arc::clone(&row) });
        let (tenant, tenant_name) = (row.tenant_id, row.tenant_name.clone());
        Ok(Self { tenant, tenant_name, key: row, needs: PhantomData })
    }
}

pub(crate) fn unauthorized() -> Problem {
    Problem::new(Code::Unauthorized, "send a valid key: `Authorization: Bearer sc_<id>_<secret>`")
}

fn frozen() -> Problem {
    let detail = "the tenant is frozen: what it has can be looked at and nothing be changed";
    Problem::new(Code::TenantFrozen, detail)
}

fn bearer(parts: &request::Parts) -> Option<Key> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.parse().ok())?
}

/// How a key stands that something was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It is valid.
    Good,
    /// Its tenant was frozen since: what it holds open ends, and can be asked for again.
    Frozen,
    /// It is not valid any more.
    Gone,
}

/// Refuses what was begun with a key that is not valid any more, or whose tenant was frozen since.
pub(crate) async fn check_standing(state: &State, key: &KeyRow) -> Result<(), Problem> {
    match state.keys().standing(state.store(), key).await? {
        Standing::Good => Ok(()),
        Standing::Frozen => Err(frozen()),
        Standing::Gone => Err(unauthorized()),
    }
}

/// Whoever sends a body. It goes with the request, so that nothing is done for a key that ended while the body arrived.
#[derive(Clone)]
pub(crate) struct Sender {
    state: State,
    key: Arc<KeyRow>,
}

impl Sender {
    pub(crate) async fn check(&self) -> Result<(), Problem> {
        check_standing(&self.state, &self.key).await
    }
}

/// The keys that were valid a moment ago.
#[derive(Default)]
pub(crate) struct Keys(Mutex<HashMap<String, Believed>>);

#[derive(Clone)]
struct Believed {
    row: Arc<KeyRow>,
    since: Instant,
}

impl Keys {
    /// The row of a key whose secret fits. Only rows are kept, never the answer: each secret is compared.
    async fn find(&self, store: &Store, key: &Key) -> Result<Option<Arc<KeyRow>>, store::Error> {
        let secret = key.secret_sha256();
        let fits = |row: Option<&Arc<KeyRow>>| {
            // An unknown id costs the comparison too.
            let kept = row.map_or(&[0_u8; 32][..], |row| &row.secret_sha256);
            bool::from(kept.ct_eq(&secret))
        };
        let believed = self.believed(key.id());
        if fits(believed.as_ref()) {
            return Ok(believed);
        }
        // A wrong secret costs what an unknown id does.
        let row = self.ask(store, key.id()).await?;
        let fits = fits(row.as_ref());
        Ok(row.filter(|_| fits))
    }

    /// Whether what was begun with a key may go on.
    pub(crate) async fn standing(
        &self,
        store: &Store,
        key: &KeyRow,
    ) -> Result<Standing, store::Error> {
        let now = match self.believed(&key.id) {
            Some(row) => Some(row),
            None => self.ask(store, &key.id).await?,
        };
        Ok(match now {
            None => Standing::Gone,
            Some(now) if now.is_frozen && !key.is_frozen => Standing::Frozen,
            Some(_) => Standing::Good,
        })
    }

    /// Asks Postgres about every key of a tenant before it is believed again.
    pub(crate) fn doubt(&self, tenant: TenantId) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, believed| believed.row.tenant_id != tenant);
    }

    fn believed(&self, id: &str) -> Option<Arc<KeyRow>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = keys.get(id)?;
        (believed.since.elapsed() < BELIEVED).then(|| Arc::clone(&believed.row))
    }

    async fn ask(&self, store: &Store, id: &str) -> Result<Option<Arc<KeyRow>>, store::Error> {
        // From before it is asked: a key that ends meanwhile is believed no longer than others.
        let since = Instant::now();
        Ok(store.find_key(id).await?.map(|row| self.believe(row, since)))
    }

    fn believe(&self, row: KeyRow, since: Instant) -> Arc<KeyRow> {
        let row = Arc::new(row);
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_BELIEVED {
            keys.clear();
        }
        let believed = Believed { row: Arc::clone(&row), since };
        keys.insert(row.id.clone(), believed);
        row
    }
}
