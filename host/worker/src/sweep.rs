//! Code of components that are gone: whoever deleted them forgot it on one host alone.

use std::time::Duration;

use model::{Digest, TenantId};
use sandbox::Sandbox;
use store::Store;
use tokio::time::sleep;

/// How often a host looks.
const EVERY: Duration = Duration::from_secs(600);
/// Components that are asked for at a time.
const BITE: usize = 500;

/// Forgets, again and again, the compiled code of components that no tenant has any more. Every host does, whatever its role.
pub async fn sweep_artifacts(store: Store, sandbox: Sandbox) {
    loop {
        sleep(EVERY).await;
        if let Err(error) = forget_gone(&store, &sandbox).await {
            tracing::debug!(%error, "could not look for components that are gone");
        }
    }
}

/// Forgets it once.
pub async fn forget_gone(store: &Store, sandbox: &Sandbox) -> Result<(), store::Error> {
    let listing = sandbox.clone();
    let kept = tokio::task::spawn_blocking(move || listing.kept()).await.unwrap_or_default();
    for (tenant, digests) in kept {
        if tenant == TenantId::NOBODY {
            continue;
        }
        if tenant == TenantId::HOST {
            let runtimes = store.list_runtimes().await?;
            let is_gone = |digest: &&Digest| runtimes.iter().all(|one| one.digest != **digest);
            digests.iter().filter(is_gone).for_each(|digest| sandbox.forget(tenant, *digest));
            continue;
        }
        for bite in digests.chunks(BITE) {
            let gone: Vec<Digest> = store.find_missing_components(tenant, bite).await?;
            gone.iter().for_each(|digest| sandbox.forget(tenant, *digest));
        }
    }
    Ok(())
}
