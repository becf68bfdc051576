//! Large answers are counted while they are under way: whoever asks for many and reads none of them holds no more than its share.

use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State as Shared};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use model::TenantId;

use crate::limits::Place;
use crate::state::State;

/// Smaller answers are not counted, in bytes.
const SMALL: usize = 64 * 1024;

/// Who is answered, once that is known.
#[derive(Clone, Default)]
pub(crate) struct Asker(Arc<OnceLock<TenantId>>);

impl Asker {
    /// The tenant whose key came with the request.
    pub(crate) fn is(&self, tenant: TenantId) {
        // A request has one key.
        let _ = self.0.set(tenant);
    }
}

/// Counts an answer until it has been read, or refuses it.
pub(crate) async fn weigh(
    Shared(state): Shared<State>,
    mut request: Request,
    next: Next,
) -> Response {
    // The answer to what was done is never refused.
    if request.method() != Method::GET {
        return next.run(request).await;
    }
    let asker = Asker::default();
    request.extensions_mut().insert(asker.clone());
    let response = next.run(request).await;
    // A stream has no size, and a limit of its own.
    let bytes = response.body().size_hint().exact().unwrap_or(0);
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let Some(tenant) = asker.0.get().filter(|_| bytes > SMALL) else {
        return response;
    };
    match state.answers().take(*tenant, bytes) {
        Ok(place) => {
            let place = Arc::new(place);
            response.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let place = Arc::clone(&place);
                    frame.map_data(|data| Bytes::from_owner(Counted { data, _place: place }))
                }))
            })
        }
        Err(problem) => problem.into_response(),
    }
}

/// Bytes that count until the last of them has been written.
struct Counted {
    data: Bytes,
    _place: Arc<Place<TenantId>>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}
