//! Secrets: set, list, delete, encrypt again. A value goes in and never comes out.

use axum::extract::{Request, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use model::limits::MAX_SECRETS;
use model::secret::{MAX_SECRET_BYTES, misfit};
use model::{Code, Name};
use serde::{Deserialize, Serialize};
use store::{Keyring, ResealPlace, Resealed, SecretRow};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use crate::auth::{Admin, Caller, Deploy, Read};
use crate::body::{self, BODY_TIME, Ceiling};
use crate::components::PageQuery;
use crate::cursor::List;
use crate::params::{Params, Parts, page_size};
use crate::problem::Problem;
use crate::quotas::admit_bytes;
use crate::saved::name;
use crate::state::State;

/// Of a body with a value: every character may be written as an escape of six.
const CEILING: Ceiling =
    Ceiling { bytes: MAX_SECRET_BYTES * 8, time: BODY_TIME, code: Code::RequestTooLarge };
/// Secrets that are encrypted again by one request, and between two looks.
const MOST_RESEALED: u32 = 10_000;
const PAGE: i64 = 100;

/// The value.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PutSecret)]
struct SecretBody {
    /// Visible ASCII, 8 bytes to 8 KiB.
    value: String,
}

/// A secret that was set.
#[derive(Debug, Serialize, ToSchema)]
struct SecretSet {
    /// Its name.
    name: String,
    /// How often it was set.
    version: u32,
}

/// A secret; never its value.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
struct SecretView {
    /// Its name.
    name: String,
    /// How often it was set.
    version: u32,
    /// The key of the host that it is encrypted with.
    key_id: String,
    /// When it was set first, RFC 3339.
    created_at: String,
    /// When it was set last.
    updated_at: String,
}

impl From<SecretRow> for SecretView {
    fn from(row: SecretRow) -> Self {
        let SecretRow { name, version, key_id, created_at, updated_at } = row;
        Self { name, version: version.unsigned_abs(), key_id, created_at, updated_at }
    }
}

/// A page of secrets, by name.
#[derive(Debug, Serialize, ToSchema)]
struct SecretPage {
    /// The secrets.
    secrets: Vec<SecretView>,
    /// Send it as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What encrypting again came to.
#[derive(Debug, Serialize, ToSchema)]
struct Rotated {
    /// The key that encrypts now.
    key_id: String,
    /// Secrets that were encrypted with an older key and are with this one now.
    resealed: u32,
    /// Secrets that no key of this host opens.
    unreadable: u32,
    /// True: there may be more; ask again.
    more: bool,
}

/// The keys of this host; a host without is told how to get some.
pub(crate) fn keyring(state: &State) -> Result<&Keyring, Problem> {
    state.store().keyring().ok_or_else(|| {
        let detail =
            "this host was started without `--secrets-key-file`, so it can keep no secrets";
        Problem::new(Code::SecretNoKey, detail)
    })
}

/// Sets a secret, in place of the value it had. Attempts that begin a request later send the new one.
#[utoipa::path(
    put,
    path = "/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "the secret's name")),
    request_body(content = SecretBody, content_type = "application/json"),
    responses(
        (status = 201, description = "a new secret", body = SecretSet),
        (status = 200, description = "replaced", body = SecretSet),
    )
)]
pub(crate) async fn put_secret(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
    request: Request,
) -> Result<Response, Problem> {
    let name: Name = name(&text)?;
    let keyring = keyring(&state)?;
    body::expect_type(request.headers(), &["application/json"])?;
    let bytes = Zeroizing::new(body::read(request, CEILING).await?);
    // What serde says of a misfit quotes it.
    let sent: SecretBody = serde_json::from_slice(&bytes).map_err(|_| {
        Problem::new(Code::RequestInvalid, "the body is `{ \"value\": \"…\" }` and nothing else")
    })?;
    let value = Zeroizing::new(sent.value);
    if let Some(why) = misfit(&value) {
        return Err(Problem::new(Code::SecretBadValue, format!("the value cannot be kept: {why}")));
    }
    admit_bytes(&state, caller.tenant, value.len()).await?;
    let version = state.store().put_secret(keyring, (caller.by(), &name), &value).await?;
    let version = version.ok_or_else(|| {
        let detail = format!("the tenant has {MAX_SECRETS} secrets, as many as it may; delete one");
        Problem::new(Code::SecretTooMany, detail)
    })?;
    let code = if version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    let set = SecretSet { name: name.to_string(), version: version.unsigned_abs() };
    Ok((code, axum::Json(set)).into_response())
}

/// A page of secrets, by name. Their values are nowhere in it.
#[utoipa::path(
    get,
    path = "/v1/secrets",
    tag = "secrets",
    params(PageQuery),
    responses((status = 200, description = "a page", body = SecretPage))
)]
pub(crate) async fn list_secrets(
    Shared(state): Shared<State>,
    caller: Caller<Read>,
    Params(query): Params<PageQuery>,
) -> Result<Response, Problem> {
    let (tenant, limit) = (caller.tenant, page_size(query.limit)?);
    let list = List { tenant, name: "secrets" };
    let after = list.after(query.cursor.as_deref())?;
    let rows = state.store().list_secrets(tenant, &after.unwrap_or_default(), limit).await?;
    let next = list.next(&rows, limit, |last| last.name.clone());
    let secrets = rows.into_iter().map(SecretView::from).collect();
    Ok(axum::Json(SecretPage { secrets, next }).into_response())
}

/// Deletes a secret. Requests that name it are refused from then on.
#[utoipa::path(
    delete,
    path = "/v1/secrets/{name}",
    tag = "secrets",
    params(("name" = String, Path, description = "the secret's name")),
    responses((status = 204, description = "it is gone"))
)]
pub(crate) async fn delete_secret(
    Shared(state): Shared<State>,
    caller: Caller<Deploy>,
    Parts(text): Parts<String>,
) -> Result<Response, Problem> {
    match state.store().delete_secret(caller.by(), &text).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(Problem::new(Code::SecretNotFound, "there is no secret of this name")),
    }
}

/// Encrypts the secrets of all tenants with the first key of the host's file. What was done stays done, so it can be asked
/// for again after it broke off.
#[utoipa::path(
    post,
    path = "/v1/secret-keys/rotate",
    tag = "secrets",
    responses((status = 200, description = "what it came to", body = Rotated))
)]
pub(crate) async fn rotate_keys(
    Shared(state): Shared<State>,
    caller: Caller<Admin>,
) -> Result<Response, Problem> {
    let (store, keyring) = (state.store(), keyring(&state)?);
    let key_id = keyring.newest().to_owned();
    let mut rotated = Rotated { key_id, resealed: 0, unreadable: 0, more: false };
    let mut place = ResealPlace::default();
    loop {
        let done = store.reseal_secrets(keyring, &place, PAGE).await?;
        let Resealed { resealed, unreadable, next } = done;
        rotated.resealed += resealed;
        rotated.unreadable += unreadable;
        let Some(next) = next else { break };
        // What is unreadable is passed over: it would be there again, and a request that began with it get no further.
        rotated.more = rotated.resealed >= MOST_RESEALED;
        if rotated.more {
            break;
        }
        place = next;
    }
    let rotated_by = caller.actor();
    store.audit_reseal(rotated_by, &rotated.key_id, rotated.resealed).await?;
    Ok(axum::Json(rotated).into_response())
}
