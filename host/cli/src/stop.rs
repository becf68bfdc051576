//! Waits for ctrl-c or SIGTERM.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves when this process is asked to end. From then on a second ctrl-c ends it at once.
pub(crate) async fn asked() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
    tokio::spawn(async {
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(130);
        }
    });
}
