//! `stepcell:handler/fetch`: requests over HTTP, counted and within the attempt's time.

use std::sync::Arc;
use std::time::Duration;

use model::limits::{MAX_FETCHES, MAX_REQUEST_BYTES};
use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, WasmList};

use crate::attempt::{Attempt, charge, pay};
use crate::ports::{Fetch, FetchAnswer, FetchError, FetchRequest};

/// The interface's name.
pub(crate) const NAME: &str = "stepcell:handler/fetch@0.1.0";

/// A request as it is in the guest's memory; the body is copied once its size is known to be within the limit.
#[derive(ComponentType, Lift)]
#[component(record)]
struct WireRequest {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<WasmList<u8>>,
    #[component(name = "timeout-ms")]
    timeout_ms: Option<u64>,
}

type Asked = Result<(Arc<dyn Fetch>, FetchRequest), FetchError>;

/// Defines the interface.
pub(crate) fn link(linker: &mut Linker<Attempt>) -> wasmtime::Result<()> {
    linker.instance(NAME)?.func_wrap_async("send", |mut store, (request,): (WireRequest,)| {
        Box::new(async move {
            let answer = match asked(&mut store, request)? {
                Ok((port, request)) => port.send(request).await,
                Err(error) => Err(error),
            };
            pay(&mut store, answer.as_ref().map_or(0, FetchAnswer::bytes))?;
            Ok((answer,))
        })
    })
}

/// The request and who sends it; an inner error is for the guest.
fn asked(store: &mut StoreContextMut<'_, Attempt>, wire: WireRequest) -> wasmtime::Result<Asked> {
    let WireRequest { method, url, headers, body, timeout_ms } = wire;
    if body.as_ref().is_some_and(|body| body.len() > MAX_REQUEST_BYTES) {
        charge(store, 0)?;
        return Ok(Err(FetchError::TooLarge(MAX_REQUEST_BYTES as u64)));
    }
    let body = body.map(|body| body.as_le_slice(&*store).to_vec()).unwrap_or_default();
    let left = store.data().remaining();
    let timeout = timeout_ms.map_or(left, |ms| Duration::from_millis(ms).min(left));
    let is_chosen = timeout < left;
    let request = FetchRequest { method, url, headers, body, timeout, is_chosen };
    charge(store, request.bytes())?;
    let attempt = store.data_mut();
    let Some(port) = attempt.ports.fetch.clone() else {
        return Ok(Err(FetchError::Denied("`fetch` is not granted".to_owned())));
    };
    if attempt.fetches >= MAX_FETCHES {
        return Ok(Err(FetchError::TooMany(MAX_FETCHES)));
    }
    attempt.fetches += 1;
    Ok(Ok((port, request)))
}
