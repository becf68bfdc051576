//! Who is calling: the key names the tenant and what it may do. Every way to fail looks the same.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::FromRequestParts;
use axum::http::{header, request};
use model::{Code, TenantId};
use store::{KeyRow, Scope, Store};
use subtle::ConstantTimeEq;

use crate::key::Key;
use crate::problem::Problem;
use crate::state::State;

/// How long a valid key is believed before Postgres is asked again: a revoked one works no longer than this.
const BELIEVED: Duration = Duration::from_secs(5);

/// Keys that are believed at a time.
const MOST_BELIEVED: usize = 10_000;

/// Whoever sent the request, with a key that covers `N`. A handler that takes no caller is open to everybody.
pub(crate) struct Caller<N> {
    /// Whose things these are.
    pub(crate) tenant: TenantId,
    /// That tenant's name.
    pub(crate) tenant_name: String,
    needs: PhantomData<N>,
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
        let key = bearer(parts).ok_or_else(unauthorized)?;
        let row = state.keys().find(state.store(), &key).await?.ok_or_else(unauthorized)?;
        state.requests().take(state.store(), row.tenant_id).await?;
        if !row.scopes.contains(&N::SCOPE) && !row.scopes.contains(&Scope::Admin) {
            let scope = N::SCOPE.as_str();
            let detail =
                format!("this call needs the scope `{scope}`, which the key does not have");
            return Err(Problem::new(Code::Forbidden, detail));
        }
        Ok(Self { tenant: row.tenant_id, tenant_name: row.tenant_name.clone(), needs: PhantomData })
    }
}

fn unauthorized() -> Problem {
    Problem::new(Code::Unauthorized, "send a valid key: `Authorization: Bearer sc_<id>_<secret>`")
}

fn bearer(parts: &request::Parts) -> Option<Key> {
    let value = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.parse().ok())?
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
        let row = match self.believed(key.id()) {
            Some(row) => Some(row),
            None => store.find_key(key.id()).await?.map(|row| self.believe(key.id(), row)),
        };
        // An unknown id costs the comparison too.
        let kept = row.as_ref().map_or(&[0_u8; 32][..], |row| &row.secret_sha256);
        let fits = bool::from(kept.ct_eq(&key.secret_sha256()));
        Ok(row.filter(|_| fits))
    }

    fn believed(&self, id: &str) -> Option<Arc<KeyRow>> {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let believed = keys.get(id)?;
        (believed.since.elapsed() < BELIEVED).then(|| Arc::clone(&believed.row))
    }

    fn believe(&self, id: &str, row: KeyRow) -> Arc<KeyRow> {
        let row = Arc::new(row);
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= MOST_BELIEVED {
            keys.clear();
        }
        keys.insert(id.to_owned(), Believed { row: Arc::clone(&row), since: Instant::now() });
        row
    }
}
