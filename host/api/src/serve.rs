//! Answers a listener: connections that do not speak or listen are closed, and a stop lets answers finish.

use std::io;
use std::time::Duration;

use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

use crate::limits::{Connections, Limits};
use crate::router::router;
use crate::state::State;

/// Bytes a head may have.
const HEAD_BYTES: usize = 64 * 1024;
/// Headers a head may have.
const HEADERS: usize = 64;
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
    let limits = *state.limits();
    let connections = Connections::new(&limits);
    let open = GracefulShutdown::new();
    tokio::pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => match connections.take(peer.ip().to_canonical()) {
                Some(place) => {
                    let connection = answer(stream, router.clone(), &limits);
                    let connection = open.watch(connection);
                    tokio::spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a connection ended early");
                        }
                        drop(place);
                    });
                }
                None => tracing::debug!(%peer, "has too many connections open; one is closed"),
            },
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

/// HTTP/1.1 alone: nothing is waited for that no clock counts.
fn answer(
    stream: TcpStream,
    router: axum::Router,
    limits: &Limits,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.write_time));
    Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
}
