//! Answers a listener: connections that do not speak are closed, and a stop lets answers finish.

use std::io;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::router::router;
use crate::state::State;

/// How long a connection may take to send the head of a request.
const HEADER_TIME: Duration = Duration::from_secs(15);
/// Bytes a head may have.
const HEADER_BYTES: usize = 64 * 1024;
/// How long answers may take to finish after the stop.
const GRACE: Duration = Duration::from_secs(10);
/// The wait when the system has no room for another connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Answers requests until `shutdown` resolves, then ends waits and streams and lets answers finish, for 10 s at most.
pub async fn serve(
    listener: TcpListener,
    state: State,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let router = router(state.clone());
    let open = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, _)) => answer(stream, router.clone(), &open),
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
    drop(listener);
    state.close();
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("some answers did not finish in time");
    }
    Ok(())
}

fn answer(stream: TcpStream, router: axum::Router, open: &GracefulShutdown) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES);
    let connection = builder
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .into_owned();
    let connection = open.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection ended early");
        }
    });
}
