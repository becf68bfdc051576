//! Waits for ctrl-c or SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a shell shows for a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Resolves when this process is asked to end. From then on a second request ends it at once.
pub(crate) async fn asked() {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    either(&mut terminate, &mut interrupt).await;
    tokio::spawn(async move {
        either(&mut terminate, &mut interrupt).await;
        std::process::exit(INTERRUPTED);
    });
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
