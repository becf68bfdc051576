//! The disk cache of compiled components: native code, so nothing is loaded that this host did not sign.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use model::{Digest, TenantId};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// What a signed artifact starts with.
const MAGIC: &[u8; 16] = b"stepcell-code-1\n";
const SIGNATURE_BYTES: usize = 32;
const HEADER_BYTES: usize = MAGIC.len() + SIGNATURE_BYTES;

/// Where artifacts lie and what signs them.
pub(crate) struct Artifacts {
    folder: PathBuf,
    key: [u8; 32],
    engine: [u8; 32],
}

impl Artifacts {
    /// Makes the folder if it is missing, readable by this user only.
    pub(crate) fn open(folder: &Path, key: [u8; 32], engine: &Engine) -> io::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        Ok(Self { folder: folder.to_owned(), key, engine: fingerprint(engine) })
    }

    /// The artifact, if there is one that this key signed for this engine, tenant and digest.
    pub(crate) fn read(&self, tenant: TenantId, digest: Digest) -> Option<Signed> {
        let path = self.path(tenant, digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "an artifact cannot be read; compiling again");
                return None;
            }
        };
        let signed = self.verify(tenant, digest, bytes);
        if signed.is_none() {
            tracing::warn!(
                path = %path.display(),
                tenant = tenant.0,
                %digest,
                "an artifact's signature does not match; compiling again"
            );
        }
        signed
    }

    /// Keeps an artifact fresh from the compiler, signed. A disk that refuses costs a compilation later.
    pub(crate) fn keep(&self, tenant: TenantId, digest: Digest, signed: &Signed) {
        let code = signed.code();
        let signature = self.mac(tenant, digest, code).finalize().into_bytes();
        let path = self.path(tenant, digest);
        if let Err(error) = write(&path, &[MAGIC, &signature, code]) {
            tracing::warn!(path = %path.display(), %error, "an artifact could not be kept");
        }
    }

    /// Forgets an artifact.
    pub(crate) fn remove(&self, tenant: TenantId, digest: Digest) {
        let path = self.path(tenant, digest);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "an artifact could not be removed");
            }
        }
    }

    /// The tenants that have artifacts here, and which.
    pub(crate) fn list(&self) -> Vec<(TenantId, Vec<Digest>)> {
        let tenant = |folder: fs::DirEntry| {
            let id: i32 = folder.file_name().to_str()?.parse().ok()?;
            let files = fs::read_dir(folder.path()).ok()?.flatten();
            let names = files.filter_map(|file| file.file_name().into_string().ok());
            let digests = names.filter_map(|name| name.strip_suffix(".code")?.parse().ok());
            Some((TenantId(id), digests.collect()))
        };
        fs::read_dir(&self.folder).into_iter().flatten().flatten().filter_map(tenant).collect()
    }

    fn path(&self, tenant: TenantId, digest: Digest) -> PathBuf {
        self.folder.join(tenant.0.to_string()).join(format!("{digest}.code"))
    }

    fn verify(&self, tenant: TenantId, digest: Digest, bytes: Vec<u8>) -> Option<Signed> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (signature, code) = rest.split_at_checked(SIGNATURE_BYTES)?;
        self.mac(tenant, digest, code).verify_slice(signature).ok()?;
        Some(Signed { bytes, from: HEADER_BYTES })
    }

    fn mac(&self, tenant: TenantId, digest: Digest, code: &[u8]) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes keys of any length");
        // Every part but the last has a fixed length: no two artifacts sign the same bytes.
        mac.update(MAGIC);
        mac.update(&self.engine);
        mac.update(&tenant.0.to_le_bytes());
        mac.update(&digest.0);
        mac.update(code);
        mac
    }
}

/// Native code that this host compiled itself.
pub(crate) struct Signed {
    bytes: Vec<u8>,
    from: usize,
}

impl Signed {
    /// What the compiler answered.
    pub(crate) fn compiled(code: Vec<u8>) -> Self {
        Self { bytes: code, from: 0 }
    }

    fn code(&self) -> &[u8] {
        &self.bytes[self.from..]
    }

    /// Loads the code. Fails when the engine's settings differ from those it was compiled with.
    #[expect(
        unsafe_code,
        reason = "loading native code; `Signed` is only made from what this host compiled"
    )]
    pub(crate) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: `deserialize` trusts its input to be what `precompile_component` answered. A `Signed` is made
        // in two places: from the compile child's answer, and from a file whose HMAC under this host's key was
        // verified over all its bytes, the engine's settings, the tenant and the digest.
        unsafe { Component::deserialize(engine, self.code()) }
    }
}

/// What compiled code depends on: version and settings of wasmtime.
fn fingerprint(engine: &Engine) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }

        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.finalize().into()
}

/// Writes a file whole or not at all.
fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = path.with_extension(format!("{}-{}", std::process::id(), draft_number()));
    let written = write_draft(&draft, parts).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // Best effort: the reason that matters is the first one.
        let _ = fs::remove_file(&draft);
    }
    written
}

fn write_draft(draft: &Path, parts: &[&[u8]]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn draft_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
