//! The keys of tenants, for the operator: made, listed without their secrets, revoked.

use std::time::Duration;

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::duration::parse_ms;
use model::{Code, TenantId};
use serde::{Deserialize, Serialize};
use store::{ListedKey, NewKey, Scope};
use utoipa::ToSchema;

use crate::auth::{Admin, Caller};
use crate::body;
use crate::components::PageQuery;
use crate::cursor::List;
use crate::key::Key;
use crate::params::{Params, Parts, page_size};
use crate::problem::Problem;
use crate::state::State;
use crate::tenants::{by, find};

/// The longest label, in characters.
const MAX_LABEL: usize = 200;

/// A key without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
struct KeyView {
    /// Names it: the part between `sc_` and the next `_`.
    id: String,
    /// What a person calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// What it may do.
    scopes: Vec<String>,
    /// When it was made, RFC 3339.
    created_at: String,
    /// Until when it is valid; absent: until it is revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// Since when it is worthless.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

impl From<ListedKey> for KeyView {
    fn from(row: ListedKey) -> Self {
        let ListedKey { id, label, scopes, created_at, expires_at, revoked_at } = row;
        Self { id, label, scopes, created_at, expires_at, revoked_at }
    }
}

/// A page of keys, by id.
#[derive(Debug, Serialize, ToSchema)]
struct KeyPage {
    /// The keys, those that are not valid any more too.
    keys: Vec<KeyView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
struct MadeKey {
    /// The whole key. It is shown this once.
    key: String,
    /// Names it.
    id: String,
    /// The tenant.
    tenant: String,
}

/// A key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewKey)]
pub(crate) struct KeyBody {
    /// What it may do: `read`, `run`, `deploy`, `admin`. `admin` is the operator's and concerns every tenant.
    scopes: Vec<String>,
    /// What a person calls it, up to 200 characters.
    label: Option<String>,
    /// How long it is valid: `30d`. Defaults to until it is revoked.
    expires_in: Option<String>,
}

impl KeyBody {
    fn scopes(&self) -> Result<Vec<Scope>, Problem> {
        let scope = |text: &String| {
            Scope::parse(text).ok_or_else(|| {
                let text = crate::params::shown(text);
                let detail =
                    format!("`{text}` is not a scope; use `read`, `run`, `deploy`, `admin`");
                Problem::new(Code::RequestInvalid, detail).at("/scopes")
            })
        };
        let mut scopes = self.scopes.iter().map(scope).collect::<Result<Vec<_>, _>>()?;
        scopes.sort();
        scopes.dedup();
        if scopes.is_empty() {
            let detail = "a key without a scope can do nothing; name one";
            return Err(Problem::new(Code::RequestInvalid, detail).at("/scopes"));
        }
        Ok(scopes)
    }

    fn label(&self) -> Result<Option<&str>, Problem> {
        let label = self.label.as_deref();
        if label.is_some_and(|label| label.is_empty() || label.chars().count() > MAX_LABEL) {
            let detail = format!("`label` has 1 to {MAX_LABEL} characters");
            return Err(Problem::new(Code::RequestInvalid, detail)
                .at("/label")
                .limit(MAX_LABEL as u64));
        }
        Ok(label)
    }

    fn expires_in(&self) -> Result<Option<Duration>, Problem> {
        let read = |text: &String| match parse_ms(text) {
            Ok(0) => Err("a key must be valid for a while".to_owned()),
            Ok(ms) => Ok(Duration::from_millis(ms)),
            Err(why) => Err(why.to_string()),
        };
        let time = self.expires_in.as_ref().map(read).transpose();
        time.map_err(|why| Problem::new(Code::RequestInvalid, why).at("/expires_in"))
    }
}

/// Makes a key of a tenant. It is shown in this answer and never again.
#[utoipa::path(
    post,
    path = "/v1/tenants/{tenant}/keys",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name")),
    request_body(content = KeyBody, content_type = "application/json"),
    responses((status = 201, description = "the key", body = MadeKey))
)]
pub(crate) async fn create_key(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let sent: KeyBody = body::form(request).await?;
    let of = find(&state, &tenant).await?;
    let (key, scopes) = (Key::generate(), sent.scopes()?);
    let secret_sha256 = key.secret_sha256();
    let row = NewKey {
        label: sent.label()?,
        expires_in: sent.expires_in()?,
        ..NewKey::new(key.id(), &secret_sha256, &scopes)
    };
    state.store().create_key(by(&caller, &of), &row).await?;
    let made = MadeKey { key: key.to_string(), id: key.id().to_owned(), tenant: of.name };
    Ok((StatusCode::CREATED, axum::Json(made)).into_response())
}

/// A page of a tenant's keys, by id, without their secrets.
#[utoipa::path(
    get,
    path = "/v1/tenants/{tenant}/keys",
    tag = "tenants",
    params(("tenant" = String, Path, description = "the tenant's name"), PageQuery),
    responses((status = 200, description = "a page", body = KeyPage))
)]
pub(crate) async fn list_keys(
    Shared(state): Shared<State>,
    _caller: Caller<Admin>,
    Parts(tenant): Parts<String>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(query.limit)?;
    let tenant = TenantId(find(&state, &tenant).await?.id);
    let list = List { tenant, name: "keys" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_keys(tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |last| last.id.clone());
    let keys = rows.into_iter().map(KeyView::from).collect();
    Ok(axum::Json(KeyPage { keys, next }).into_response())
}

/// Revokes a key: at this host at once, at every other within 5 s. What it holds open ends then too.
#[utoipa::path(
    delete,
    path = "/v1/tenants/{tenant}/keys/{key}",
    tag = "tenants",
    params(
        ("tenant" = String, Path, description = "the tenant's name"),
        ("key" = String, Path, description = "the key's id"),
    ),
    responses((status = 204, description = "it is worthless"))
)]
pub(crate) async fn revoke_key(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
    Parts((tenant, key)): Parts<(String, String)>,
) -> Result<Response, Problem> {
    let of = find(&state, &tenant).await?;
    if !state.store().revoke_key(by(&caller, &of), &key).await? {
        return Err(Problem::new(Code::KeyNotFound, "the tenant has no key of this id"));
    }
    state.keys().doubt(TenantId(of.id));
    Ok(StatusCode::NO_CONTENT.into_response())
}
