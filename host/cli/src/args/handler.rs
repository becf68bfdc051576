//! Arguments of the commands that work on one handler, without a host.

use std::path::PathBuf;

use super::values;

#[derive(clap::Args)]
pub(crate) struct Build {
    /// A folder of handlers
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Where to put the component; without it its place is printed
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
    /// Never install a toolchain
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(clap::Args)]
pub(crate) struct New {
    /// The folder; its name is the project's
    pub(crate) folder: PathBuf,
    /// The language
    #[arg(long)]
    pub(crate) lang: Option<Lang>,
    /// Put this version's SDK in the place of the one in a project that is there
    #[arg(long)]
    pub(crate) sdk: bool,
}

/// What a new project is written in.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Lang {
    /// Rust, built by cargo.
    Rust,
    /// JavaScript, built with Node.
    #[value(alias = "javascript")]
    Js,
    /// TypeScript, built with Node.
    #[value(alias = "typescript")]
    Ts,
    /// Python, built with Python.
    #[value(alias = "py")]
    Python,
    /// C or C++, built with zig, which Python installs.
    #[value(alias = "cpp")]
    C,
    /// Go, which Python installs.
    Go,
}

#[derive(clap::Args)]
pub(crate) struct Test {
    /// The folder of a project, or a `.js` or `.py` source with a folder `tests` beside it
    #[arg(default_value = ".")]
    pub(crate) handlers: PathBuf,
    /// Only the fixtures of this name, or whose names begin with it
    #[arg(long)]
    pub(crate) only: Vec<String>,
    /// Never install a toolchain
    #[arg(long)]
    pub(crate) no_install: bool,
}

#[derive(clap::Args)]
pub(crate) struct Inspect {
    /// A component, a core module with component-type information, or a `.js` or `.py` source
    pub(crate) handlers: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Exec {
    /// A component, a core module with component-type information, a `.js` or `.py` source, or a folder of handlers
    pub(crate) handlers: PathBuf,
    /// What a root step gets: JSON, `@file` or `-` for standard input
    #[arg(long, default_value = "null", conflicts_with_all = ["element", "dep"])]
    pub(crate) input: String,
    /// What a map task gets: JSON, `@file` or `-`
    #[arg(long, conflicts_with = "dep")]
    pub(crate) element: Option<String>,
    /// What a dependent step gets: `name=JSON` or `name=@file`, once for each dependency
    #[arg(long)]
    pub(crate) dep: Vec<String>,
    /// Which handler, where the component carries several
    #[arg(long, default_value = "")]
    pub(crate) handler: String,
    /// Where a durable handler goes on
    #[arg(long, default_value = "")]
    pub(crate) phase: String,
    /// What the phase before kept: JSON, `@file` or `-`
    #[arg(long)]
    pub(crate) state: Option<String>,
    /// A signal it was woken for: `name` or `name=JSON`, once for each
    #[arg(long)]
    pub(crate) signal: Vec<String>,
    /// Wall clock: `500ms`, `5s`, up to `15m`
    #[arg(long = "timeout", value_name = "TIMEOUT", default_value = "30s", value_parser = values::timeout_ms)]
    pub(crate) timeout_ms: u64,
    /// CPU budget in wasmtime fuel, up to 1000000000000; without it what the component asks for, or 5000000000
    #[arg(long, value_parser = values::fuel)]
    pub(crate) fuel: Option<u64>,
    /// All memories together, from `64KiB` to `512MiB`; without it what the component asks for, or `64MiB`
    #[arg(long = "memory", value_name = "MEMORY", value_parser = values::memory_bytes)]
    pub(crate) memory_bytes: Option<u64>,
}

impl Exec {
    /// A call with everything as it is where nothing is said.
    pub(crate) fn bare() -> Self {
        Self {
            handlers: PathBuf::new(),
            input: "null".to_owned(),
            element: None,
            dep: Vec::new(),
            handler: String::new(),
            phase: String::new(),
            state: None,
            signal: Vec::new(),
            timeout_ms: model::Limits::default().timeout_ms,
            fuel: None,
            memory_bytes: None,
        }
    }
}

#[derive(clap::Args)]
pub(crate) struct Chain {
    /// The component: a folder that `stepcell build` knows, a `.wasm` file, or the digest of an upload
    pub(crate) component: String,
    /// The handlers, in order; each is given what the one before answered
    #[arg(required = true)]
    pub(crate) handlers: Vec<String>,
    /// The flow they become: a new version of it, which new runs start on from then on
    #[arg(long, default_value = "chain")]
    pub(crate) flow: String,
    /// The input of the first one: JSON, `@file` or `-` for standard input
    #[arg(long, default_value = "null")]
    pub(crate) input: String,
    /// Never install a toolchain
    #[arg(long)]
    pub(crate) no_install: bool,
}
