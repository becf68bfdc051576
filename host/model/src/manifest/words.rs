//! The fields a manifest can have, and words that people write in their place.

/// Fields of the manifest itself.
pub(super) const FLOW: &[&str] =
    &["flow", "description", "input_schema", "deadline", "defaults", "rate_limit", "chain", "step"];

/// Fields of `[defaults]`; a step has them too.
pub(super) const DEFAULTS: &[&str] = &[
    "component",
    "timeout",
    "max_attempts",
    "max_retries",
    "backoff",
    "memory",
    "fuel",
    "output",
    "log",
    "on_exhausted",
];

/// Fields of `[[step]]`.
pub(super) const STEP: &[&str] = &[
    "name",
    "component",
    "builtin",
    "grants",
    "handler",
    "needs",
    "map",
    "start_delay",
    "concurrency",
    "rate_limit",
    "when",
    "unless",
    "when_skipped",
    "on_unmet",
    "abandon_children",
    "input_schema",
    "output_schema",
    "timeout",
    "max_attempts",
    "max_retries",
    "backoff",
    "memory",
    "fuel",
    "output",
    "log",
    "on_exhausted",
];

/// Fields of `backoff`.
pub(super) const BACKOFF: &[&str] = &["strategy", "base", "factor", "max", "jitter"];

/// Fields of `builtin`.
pub(super) const BUILTIN: &[&str] = &["wait", "set", "inject", "http"];

/// Fields of `http`.
pub(super) const HTTP: &[&str] = &["url", "method", "headers", "body"];

/// Fields of `grants`.
pub(super) const GRANTS: &[&str] = &["fetch", "key_value", "secrets", "scratch"];

/// Fields of an entry of `secrets`.
pub(super) const SECRET: &[&str] = &["name", "to"];

/// Fields of `[[rate_limit]]`.
pub(super) const RATE_LIMIT: &[&str] = &["name", "limit", "period", "burst"];

/// Fields of a step's `rate_limit`.
pub(super) const RATE_USE: &[&str] = &["name", "key", "weight"];

/// Fields of `concurrency`.
pub(super) const CONCURRENCY: &[&str] = &["key", "limit"];

/// Fields that have a meaning which is not carried out; refused by name rather than as unknown.
pub(super) const LATER: &[&str] = &[
    "grants",
    "schedule",
    "schedules",
    "priority",
    "retention",
    "closure",
    "closures",
    "canary",
    "compensate",
    "on_error",
    "signals",
];

/// What people coming from elsewhere write, and the field they mean.
pub(super) const SYNONYMS: &[(&str, &str)] = &[
    ("name", "flow"),
    ("id", "name"),
    ("steps", "step"),
    ("tasks", "step"),
    ("nodes", "step"),
    ("depends_on", "needs"),
    ("dependsOn", "needs"),
    ("dependencies", "needs"),
    ("deps", "needs"),
    ("after", "needs"),
    ("requires", "needs"),
    ("retries", "max_retries"),
    ("retry", "max_retries"),
    ("attempts", "max_attempts"),
    ("wasm", "component"),
    ("module", "component"),
    ("image", "component"),
    ("run", "component"),
    ("function", "handler"),
    ("delay", "start_delay"),
    ("delay_ms", "start_delay"),
    ("memory_bytes", "memory"),
    ("output_bytes", "output"),
    ("log_bytes", "log"),
    ("timeout_ms", "timeout"),
    ("schema", "input_schema"),
    ("if", "when"),
    ("condition", "when"),
    ("on_failure", "on_exhausted"),
    ("on_fail", "on_exhausted"),
    ("foreach", "map"),
    ("rate_limits", "rate_limit"),
    ("rate", "rate_limit"),
    ("throttle", "rate_limit"),
    ("concurrency_key", "concurrency"),
    ("capacity", "burst"),
    ("per", "period"),
    ("for_each", "map"),
    ("options", "defaults"),
    ("base_ms", "base"),
    ("max_ms", "max"),
    ("multiplier", "factor"),
    ("uri", "url"),
    ("verb", "method"),
    ("header", "headers"),
    ("json", "body"),
    ("hosts", "fetch"),
    ("key-value", "key_value"),
    ("kv", "key_value"),
    ("secret", "secrets"),
    ("secrets", "grants"),
    ("key_value", "grants"),
    ("fetch", "grants"),
    ("permissions", "grants"),
    ("capabilities", "grants"),
];
