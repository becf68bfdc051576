//! Every limit an attempt, an upload or a definition is held to: unit, default, ceiling, effect.

use std::time::Duration;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// What one attempt may use. Values above the ceilings are refused at registration, never clamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Deterministic CPU budget in wasmtime fuel. Defaults to 5e9, ceiling 1e12. Past it: `out_of_fuel`.
    pub fuel: u64,
    /// Wall clock for instantiate, call and post-return. Defaults to 30,000, ceiling 900,000. Past it: `timeout`.
    pub timeout_ms: u64,
    /// All memories together, in bytes. Defaults to 64 MiB, ceiling 512 MiB. Past it: `memory_exceeded`.
    pub memory_bytes: u64,
    /// Largest input, in bytes. Defaults to 1 MiB, which is the ceiling.
    pub input_bytes: u64,
    /// Largest output, in bytes. Defaults to 256 KiB, ceiling 1 MiB. Past it: `output_too_large`.
    pub output_bytes: u64,
    /// Log kept, in bytes. Defaults to 64 KiB. Past it: one `truncated` record, then nothing.
    pub log_bytes: u64,
    /// Log records kept. Defaults to 1,000.
    pub log_records: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            fuel: 5_000_000_000,
            timeout_ms: 30_000,
            memory_bytes: 64 * MIB,
            input_bytes: MIB,
            output_bytes: 256 * 1024,
            log_bytes: 64 * 1024,
            log_records: 1_000,
        }
    }
}

impl Limits {
    /// The most a step may ask for.
    pub const CEILING: Self = Self {
        fuel: 1_000_000_000_000,
        timeout_ms: 15 * 60 * 1_000,
        memory_bytes: 512 * MIB,
        input_bytes: MIB,
        output_bytes: MIB,
        log_bytes: 64 * 1024,
        log_records: 1_000,
    };

    /// The wall clock as a duration.
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }
}

/// Table elements of one attempt, all tables together.
pub const MAX_TABLE_ELEMENTS: usize = 20_000;
/// Linear memories of one attempt.
pub const MAX_MEMORIES: u32 = 4;
/// Core instances of one attempt, counted before compiling.
pub const MAX_CORE_INSTANCES: u32 = 64;
/// Largest component that may be uploaded, in bytes: an interpreter and its packages fit.
pub const MAX_COMPONENT_BYTES: usize = 64 * 1024 * 1024;
/// Largest source that may be uploaded in place of a component, in bytes.
pub const MAX_SOURCE_BYTES: usize = 128 * 1024;
/// Largest program that a runtime makes of one, in bytes.
pub const MAX_PROGRAM_BYTES: usize = 1024 * 1024;
/// The most that a component says of itself, in bytes.
pub const MAX_DESCRIPTION_BYTES: usize = 256 * 1024;
/// Problems that are listed of a source.
pub const MAX_SOURCE_PROBLEMS: usize = 100;
/// CPU time one compilation may take.
pub const COMPILE_CPU: Duration = Duration::from_secs(60);
/// Address space one compilation may take, in bytes.
pub const COMPILE_MEMORY_BYTES: u64 = 2 * 1024 * MIB;
/// Steps in a flow.
pub const MAX_STEPS: usize = 1_024;
/// Dependencies in a flow, all steps together.
pub const MAX_EDGES: usize = 4_096;
/// Elements a map step may have.
pub const MAX_MAP_ELEMENTS: usize = 100_000;
/// What the tasks of a map step answered, all together, in bytes, where a step that is no map itself is given it; and what a
/// worker reads for one step. No step takes more than an input of 1 MiB.
pub const MAX_ANSWERS_BYTES: usize = 8 * 1024 * 1024;
/// Attempts of one task, the first included.
pub const MAX_ATTEMPTS: u16 = 100;
/// Times one task may be lost with its worker before its exhausted policy applies.
pub const MAX_LOST: u16 = 3;
/// Longest deadline of a run, in milliseconds: ten years.
pub const MAX_DEADLINE_MS: u64 = 10 * 365 * 24 * 60 * 60 * 1_000;
/// Phases one task may go through; past it the task fails with `too_many_phases`.
pub const MAX_PHASES: u32 = 1_000;
/// Longest sleep and longest wait for signals, in milliseconds: a year.
pub const MAX_SLEEP_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Children of one spawn.
pub const MAX_CHILDREN: usize = 10_000;
/// How deep children may be nested.
pub const MAX_DEPTH: u16 = 32;
/// Bytes of the signals a run may hold that nobody consumed yet.
pub const MAX_INBOX_BYTES: i64 = 4 * 1024 * 1024;
/// Signals a run may hold that nobody consumed yet.
pub const MAX_INBOX: i64 = 1_000;
/// Largest payload of a signal, in bytes.
pub const MAX_SIGNAL_BYTES: usize = 64 * 1024;
/// Names one wait may have.
pub const MAX_AWAITED_NAMES: usize = 32;
/// Longest key of a child, deduplication key of a signal and business key of a run, in bytes.
pub const MAX_KEY_BYTES: usize = 255;
/// Largest limit under a concurrency key.
pub const MAX_CONCURRENCY: u16 = 10_000;
/// Largest limit and burst of a rate.
pub const MAX_RATE: u32 = 1_000_000;
/// Longest period of a rate, in milliseconds: 31 days.
pub const MAX_RATE_PERIOD_MS: u64 = 31 * 24 * 60 * 60 * 1_000;
/// Rates one flow can name.
pub const MAX_RATE_LIMITS: usize = 100;
/// Closures one can stand on another, itself included.
pub const MAX_CLOSURES: usize = 16;
/// Memory a step can be given at the least, in bytes: one page of wasm.
pub const MIN_MEMORY_BYTES: u64 = 64 * 1024;
/// Longest wait between two attempts, in milliseconds: a day.
pub const MAX_BACKOFF_MS: u64 = 24 * 60 * 60 * 1_000;
/// Longest wait before a step's first attempt, in milliseconds: a year.
pub const MAX_START_DELAY_MS: u64 = 365 * 24 * 60 * 60 * 1_000;
/// Largest body an http step sends, and the most its templates copy, in bytes.
pub const MAX_REQUEST_BYTES: usize = 4 * 1024 * 1024;
/// Longest URL that is called, in bytes.
pub const MAX_URL_BYTES: usize = 8 * 1024;
/// Headers of one request.
pub const MAX_HEADERS: usize = 64;
/// Names and values of the headers of one request or answer together, in bytes.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Requests that one attempt of a handler sends.
pub const MAX_FETCHES: u32 = 50;
/// Largest body of an answer to a handler's request, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 * 1024 * 1024;
/// Calls to the key-value store that one attempt makes.
pub const MAX_KEY_VALUE_CALLS: u64 = 1_000;
/// Keys and values that one attempt moves to and from the key-value store, in bytes.
pub const MAX_KEY_VALUE_MOVED_BYTES: u64 = 64 * 1024 * 1024;
/// Longest key of a value, in bytes.
pub const MAX_VALUE_KEY_BYTES: usize = 512;
/// Largest value, in bytes.
pub const MAX_VALUE_BYTES: usize = 256 * 1024;
/// Keys that one call lists.
pub const MAX_LISTED_KEYS: u32 = 1_000;
/// What a value counts for beside its own bytes and those of its key: what its row takes.
pub const VALUE_ROW_BYTES: i32 = 100;
/// Keys, values and rows of one tenant together, in bytes.
pub const MAX_TENANT_VALUE_BYTES: i64 = 1024 * 1024 * 1024;
/// Secrets of one tenant.
pub const MAX_SECRETS: i64 = 1_000;
/// The most bytes in the scratch folder of an attempt, where a step says only that it has one.
pub const DEFAULT_SCRATCH_BYTES: u64 = 1024 * 1024;
/// The most bytes a step can be granted in a scratch folder.
pub const MAX_SCRATCH_BYTES: u64 = 256 * 1024 * 1024;
/// What the files of a scratch folder are made of and counted in, in bytes.
pub const SCRATCH_BLOCK_BYTES: usize = 4 * 1024;
/// Files and folders in a scratch folder, all together.
pub const MAX_SCRATCH_ENTRIES: usize = 1_000;
/// Longest name of a file or folder, in bytes.
pub const MAX_SCRATCH_NAME_BYTES: usize = 255;
/// Longest path to a file or folder, in bytes.
pub const MAX_SCRATCH_PATH_BYTES: usize = 1_024;
/// Random bytes a guest is given at a time.
pub const MAX_RANDOM_BYTES: usize = 4_096;
/// Entries of one grant.
pub const MAX_GRANTS: usize = 64;
