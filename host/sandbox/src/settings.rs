//! What the operator decides about the sandbox.

use std::path::PathBuf;

use model::Capability;
use model::limits::MAX_COMPONENT_BYTES;

use crate::compiler::{CompileLimits, CompilerCommand};

/// How a [`crate::Sandbox`] is set up.
#[derive(Clone)]
pub struct Settings {
    /// Attempts that run at once. Defaults to 64. Each reserves 16 GiB of address space, not of memory.
    pub slots: u32,
    /// The folder of compiled components.
    pub artifacts: PathBuf,
    /// Signs what is in the folder. Whoever has it can make this host run native code.
    pub key: [u8; 32],
    /// Starts the compile child.
    pub compiler: CompilerCommand,
    /// What one compilation may use.
    pub compile_limits: CompileLimits,
    /// Compilations that run at once, one of each tenant. Defaults to 2.
    pub compilers: u32,
    /// Largest upload, in bytes. Defaults to 64 MiB.
    pub max_component_bytes: usize,
    /// Capabilities that no tenant may use here. Defaults to none.
    pub forbidden: Vec<Capability>,
    /// Components kept in memory, ready to be called. Defaults to 256.
    pub loaded_components: usize,
}

impl Settings {
    /// The defaults, with what has none.
    pub fn new(artifacts: PathBuf, key: [u8; 32], compiler: CompilerCommand) -> Self {
        Self {
            slots: 64,
            artifacts,
            key,
            compiler,
            compile_limits: CompileLimits::default(),
            compilers: 2,
            max_component_bytes: MAX_COMPONENT_BYTES,
            forbidden: Vec::new(),
            loaded_components: 256,
        }
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never the key.
        f.debug_struct("Settings")
            .field("slots", &self.slots)
            .field("artifacts", &self.artifacts)
            .field("compiler", &self.compiler)
            .finish_non_exhaustive()
    }
}
