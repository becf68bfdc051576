//! What a guest can import. Each interface has three moments: linked once, checked at upload, prepared per attempt.

pub(crate) mod context;
pub(crate) mod fetch;
pub(crate) mod filesystem;
pub(crate) mod key_value;
pub(crate) mod log;
pub(crate) mod secrets;
pub(crate) mod source;
pub(crate) mod system;
pub(crate) mod types;
pub(crate) mod wasi;

use model::Capability;
use wasmtime::Engine;
use wasmtime::component::Linker;

use crate::attempt::Attempt;

/// The interfaces that a component asks for a capability by.
pub(crate) const CAPABILITIES: [(&str, Capability); 3] = [
    (fetch::NAME, Capability::Fetch),
    (key_value::NAME, Capability::KeyValue),
    (secrets::NAME, Capability::Secrets),
];

/// The two sets of imports: most components want nothing of WASI and then get nothing of it.
pub(crate) struct Linkers {
    /// Stepcell's own interfaces.
    pub(crate) own: Linker<Attempt>,
    /// The same and WASI, with nothing granted.
    pub(crate) with_wasi: Linker<Attempt>,
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> wasmtime::Result<Self> {
        let own = own(engine)?;
        let mut with_wasi = self::own(engine)?;
        wasi::link(&mut with_wasi)?;
        Ok(Self { own, with_wasi })
    }
}

fn own(engine: &Engine) -> wasmtime::Result<Linker<Attempt>> {
    let mut linker = Linker::new(engine);
    context::link(&mut linker)?;
    log::link(&mut linker)?;
    system::link(&mut linker)?;
    fetch::link(&mut linker)?;
    key_value::link(&mut linker)?;
    secrets::link(&mut linker)?;
    source::link(&mut linker)?;
    Ok(linker)
}
