//! What a guest was granted is asked through the ports, counted, and dropped with the attempt.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use model::{Capability, FailureKind, Limits};
use sandbox::{
    Call, Doing, Expected, Fetch, FetchAnswer, FetchError, FetchRequest, KeyValue, Ports,
    StoreError,
};

use crate::harness::{answer, call, failure, load, module, run, sandbox};

/// Answers every request, unless it is to hang.
#[derive(Default)]
struct Remote {
    seen: Mutex<Vec<FetchRequest>>,
    hangs: bool,
    dropped: Arc<AtomicUsize>,
}

struct Dropped(Arc<AtomicUsize>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Fetch for Remote {
    fn send(&self, request: FetchRequest) -> Doing<'_, Result<FetchAnswer, FetchError>> {
        Box::pin(async move {
            let _dropped = Dropped(Arc::clone(&self.dropped));
            self.seen.lock().unwrap().push(request);
            if self.hangs {
                std::future::pending::<()>().await;
            }
            let headers = vec![("a".to_owned(), "b".to_owned())];
            Ok(FetchAnswer { status: 200, headers, body: vec![7; 1_000] })
        })
    }
}

/// Keeps nothing and counts.
#[derive(Default)]
struct Values(AtomicUsize);

impl KeyValue for Values {
    fn get(&self, _key: String) -> Doing<'_, Result<Option<Vec<u8>>, StoreError>> {
        Box::pin(async { Ok(None) })
    }

    fn set(&self, _: String, _: Vec<u8>, _: Expected) -> Doing<'_, Result<bool, StoreError>> {
        Box::pin(async {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(true)
        })
    }

    fn delete(&self, _key: String) -> Doing<'_, Result<bool, StoreError>> {
        Box::pin(async { Ok(false) })
    }

    fn list(
        &self,
        _prefix: String,
        _after: Option<String>,
        _limit: u32,
    ) -> Doing<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

fn with(remote: &Arc<Remote>) -> Call {
    let fetch = Some(Arc::clone(remote) as Arc<dyn Fetch>);
    Call { ports: Ports { fetch, ..Ports::default() }, ..call() }
}

#[tokio::test]
async fn a_guest_sends_what_it_may_and_is_told_when_that_is_over() {
    let remote = Arc::new(Remote::default());
    let report = run("fetches", with(&remote)).await;
    assert_eq!(answer(&report), "[\"50 08\"]", "the case `too-many`");
    let seen = remote.seen.lock().unwrap();
    let FetchRequest { method, url, headers, body, timeout, is_chosen } = &seen[0];
    assert!(!is_chosen);
    assert_eq!((&method[..], &url[..], &body[..]), ("POST", "https://a.net/x", &b"body"[..]));
    assert!(headers.is_empty() && *timeout <= Duration::from_secs(10), "{timeout:?}");
    assert_eq!(report.receipt.host_calls, 51);
    // Each call, and what crosses the line both ways.
    assert!(report.receipt.fuel > 51 * 200 + 50 * 1_000 / 16, "{} fuel", report.receipt.fuel);
}

#[tokio::test]
async fn what_is_not_granted_is_denied() {
    let report = run("fetches", call()).await;
    assert_eq!(answer(&report), "[\"00 01\"]", "the case `denied`");
    let report = run("keeps_values", call()).await;
    assert_eq!(answer(&report), "0", "the case `denied`");
}

#[tokio::test]
async fn a_request_that_hangs_is_dropped_with_its_attempt() {
    let remote = Arc::new(Remote { hangs: true, ..Remote::default() });
    let limits = Limits { timeout_ms: 100, ..Limits::default() };
    let report = run("fetches", Call { limits, ..with(&remote) }).await;
    assert_eq!(failure(&report).kind, FailureKind::Timeout);
    assert_eq!(remote.dropped.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_not_even_copied() {
    let remote = Arc::new(Remote::default());
    let report = run("fetch_giant", with(&remote)).await;
    assert_eq!(answer(&report), "7", "the case `too-large`");
    assert!(remote.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_bytes_an_attempt_keeps_are_counted() {
    let values = Arc::new(Values::default());
    let key_value = Some(Arc::clone(&values) as Arc<dyn KeyValue>);
    let ports = Ports { key_value, ..Ports::default() };
    let report = run("keeps_values", Call { ports, ..call() }).await;
    assert_eq!(answer(&report), "3", "the case `too-many`");
    let most = 64 * 1024 * 1024 / 100_003;
    assert_eq!(values.0.load(Ordering::SeqCst), most);
}

#[tokio::test]
async fn who_asks_for_a_capability_is_not_pure() {
    let inspection = sandbox().inspect(&module("fetches")).unwrap();
    assert_eq!(inspection.report.capabilities, [Capability::Fetch]);
    assert!(!inspection.report.pure && !load("fetches").await.pure);
    let inspection = sandbox().inspect(&module("good")).unwrap();
    assert!(inspection.report.capabilities.is_empty() && inspection.report.pure);
}

#[tokio::test]
async fn time_and_chance_need_no_grant_and_are_neither_guessed_nor_repeated() {
    let said = async || {
        let report = run("system", call()).await;
        serde_json::from_str::<(u64, String)>(answer(&report)).unwrap()
    };
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        u64::try_from(since.unwrap().as_millis()).unwrap()
    };
    let before = now();
    let (first, second) = (said().await, said().await);
    assert!(before <= first.0 && first.0 <= second.0 && second.0 <= now());
    assert_ne!(first.1, second.1);
    let inspection = sandbox().inspect(&module("system")).unwrap();
    assert!(inspection.report.capabilities.is_empty() && inspection.report.pure);
}
