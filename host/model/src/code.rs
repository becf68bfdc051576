//! Every code a problem can carry; each has a page in `host/model/problems`.

mod page;

use std::fmt;

pub use page::{Page, explain, suggest};

macro_rules! codes {
    ($($variant:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// What kind of problem it is. The text is the name of its page.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the page of the code says what it means")]
        pub enum Code { $($variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The code as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The HTTP status it answers with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// One line for people.
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// The page: what it means, why, and what to do.
            pub fn page(self) -> &'static str {
                match self {
                    $(Self::$variant => include_str!(concat!("../problems/", $text, ".md")),)*
                }
            }
        }
    };
}

codes! {
    PayloadTooLarge = "payload.too_large", 413, "The payload is too large";
    PayloadInvalidJson = "payload.invalid_json", 400, "The payload is not JSON";
    PayloadTooComplex = "payload.too_complex", 422, "The payload has too many levels or values";
    PayloadNumberOutOfRange = "payload.number_out_of_range", 422, "A number does not fit";
    PayloadDuplicateKey = "payload.duplicate_key", 422, "An object has a key twice";
    PayloadInvalidUnicode = "payload.invalid_unicode", 422, "The payload is not valid Unicode";
    PayloadNulNotAllowed = "payload.nul_not_allowed", 422, "The payload has a NUL character";
    PayloadSchema = "payload.schema", 422, "The payload does not match its schema";

    ManifestInvalidSyntax = "manifest.invalid_syntax", 400, "The manifest cannot be read";
    ManifestUnknownField = "manifest.unknown_field", 422, "The manifest has an unknown field";
    ManifestMissingField = "manifest.missing_field", 422, "The manifest lacks a field";
    ManifestWrongType = "manifest.wrong_type", 422, "A field has a value of the wrong type";
    ManifestBadName = "manifest.bad_name", 422, "A name does not have the form of a name";
    ManifestBadText = "manifest.bad_text", 422, "A text cannot be used";
    ManifestDuplicateStep = "manifest.duplicate_step", 422, "Two steps have the same name";
    ManifestDuplicateDependency = "manifest.duplicate_dependency", 422, "A dependency is named twice";
    ManifestUnknownDependency = "manifest.unknown_dependency", 422, "A step needs an unknown step";
    ManifestCycle = "manifest.cycle", 422, "Steps need each other in a circle";
    ManifestConflictingFields = "manifest.conflicting_fields", 422, "Two fields contradict each other";
    ManifestOutOfRange = "manifest.out_of_range", 422, "A value is out of range";
    ManifestBadMap = "manifest.bad_map", 422, "A map step has several dependencies";
    ManifestTooLarge = "manifest.too_large", 413, "The flow has too many parts";
    ManifestBadSchema = "manifest.bad_schema", 422, "A JSON Schema cannot be used";
    ManifestUnknownComponent = "manifest.unknown_component", 422, "A component was not found";
    ManifestUnknownHandler = "manifest.unknown_handler", 422, "A component has no such handler";
    ManifestUnknownRateLimit = "manifest.unknown_rate_limit", 422, "A step names an unknown rate";
    ManifestWeightAboveBurst = "manifest.weight_above_burst", 422, "A step takes more than its rate can hold";
    ManifestSchemaMismatch = "manifest.schema_mismatch", 422, "Two steps do not fit each other";
    ManifestMissingGrant = "manifest.missing_grant", 422, "A step may not reach what it calls";
    ManifestUnusedGrant = "manifest.unused_grant", 422, "A step is granted what it does not use";
    ManifestForbidden = "manifest.forbidden", 422, "The operator of this host forbids a capability";
    ManifestNotSupported = "manifest.not_supported", 422, "A field is not supported yet";

    Unauthorized = "unauthorized", 401, "The request has no valid key";
    Forbidden = "forbidden", 403, "The key does not cover this call";
    TenantFrozen = "tenant_frozen", 403, "The tenant is frozen";
    NotFound = "not_found", 404, "There is no such address";
    MethodNotAllowed = "method_not_allowed", 405, "The address does not take this method";

    TenantExists = "tenant.exists", 409, "There is a tenant of this name";
    TenantOwn = "tenant.own", 409, "The tenant is that of the key in use";
    KeyNotFound = "key.not_found", 404, "There is no such key";

    ComponentNotFound = "component.not_found", 404, "There is no such component";
    ComponentInUse = "component.in_use", 409, "The component is in use";
    ComponentNotWasm = "component.not_wasm", 422, "The upload is not WebAssembly";
    ComponentCoreModule = "component.core_module", 422, "The upload is a bare core module";
    ComponentPrecompiled = "component.precompiled", 422, "The upload is already machine code";
    ComponentTruncated = "component.truncated", 422, "The upload ends too early";
    ComponentInvalid = "component.invalid", 422, "The component is not valid";
    ComponentTooLarge = "component.too_large", 413, "The component is too large";
    ComponentTooManyInstances = "component.too_many_instances", 422, "The component has too many instances";
    ComponentTooMuchMemory = "component.too_much_memory", 422, "The component starts with too much memory";
    ComponentCompileTimeout = "component.compile_timeout", 422, "Compiling takes too long";
    ComponentCompileMemory = "component.compile_memory", 422, "Compiling needs too much memory";
    ComponentCompileCrashed = "component.compile_crashed", 422, "The compiler died";
    ComponentMissingExport = "component.missing_export", 422, "The component lacks an export";
    ComponentWrongSignature = "component.wrong_signature", 422, "A function has the wrong signature";
    ComponentUnknownImport = "component.unknown_import", 422, "The component imports what the host does not offer";

    ComponentBadSource = "component.bad_source", 422, "The source cannot be used";

    RuntimeMissing = "runtime.missing", 409, "The language has no runtime here";
    RuntimeUnfit = "runtime.unfit", 422, "The component is no runtime of the language";

    SecretNotFound = "secret.not_found", 404, "There is no such secret";
    SecretNoKey = "secret.no_key", 409, "This host has no key for secrets";
    SecretTooMany = "secret.too_many", 409, "The tenant has as many secrets as it may";
    SecretBadValue = "secret.bad_value", 422, "The value cannot be a secret";

    FlowNotFound = "flow.not_found", 404, "There is no such flow";
    FlowNoActiveVersion = "flow.no_active_version", 409, "The flow has no active version";
    VersionNotFound = "version.not_found", 404, "There is no such version";

    RunNotFound = "run.not_found", 404, "There is no such run";
    RunNoOutput = "run.no_output", 409, "The run has no output";
    RunOutputTooLarge = "run.output_too_large", 409, "The run's output is too large to be sent";
    RunEnded = "run.ended", 409, "The run has already ended";
    RunNotEnded = "run.not_ended", 409, "The run has not ended";
    RunNotAnArray = "run.not_an_array", 422, "The flow's input must be an array";
    RunDuplicate = "run.duplicate", 409, "A live run has the same key";
    SignalInboxFull = "signal.inbox_full", 409, "The run's inbox is full";
    StepNotFound = "step.not_found", 404, "There is no such step";
    TenantNotFound = "tenant.not_found", 404, "There is no such tenant";
    WorkerNotFound = "worker.not_found", 404, "There is no such worker";
    AttemptNotFound = "attempt.not_found", 404, "There is no such attempt";

    ClosureNotFound = "closure.not_found", 404, "There is no such closure";
    ClosureInUse = "closure.in_use", 409, "The closure is in use";
    ClosureCycle = "closure.cycle", 422, "Closures stand on each other in a circle";
    ClosureTooDeep = "closure.too_deep", 422, "Too many closures stand on each other";

    ScheduleNotFound = "schedule.not_found", 404, "There is no such schedule";
    ScheduleBadCron = "schedule.bad_cron", 422, "The cron expression cannot be read";
    ScheduleNeverFires = "schedule.never_fires", 422, "The moment never comes";
    ScheduleUnknownTimezone = "schedule.unknown_timezone", 422, "There is no such time zone";
    ScheduleOverlap = "schedule.overlap", 409, "The run before has not ended";

    RequestInvalid = "request.invalid", 400, "A parameter is not valid";
    RequestContentType = "request.content_type", 415, "The body has the wrong type";
    RequestContentEncoding = "request.content_encoding", 415, "The body is packed";
    RequestTooLarge = "request.too_large", 413, "The body is too large";
    RequestBadCursor = "request.bad_cursor", 400, "The cursor is not valid";
    RequestIdempotencyMismatch = "request.idempotency_mismatch", 422, "The idempotency key was used for another request";
    RequestTimeout = "request.timeout", 408, "The request did not arrive in time";

    StoreUnavailable = "store.unavailable", 503, "The database cannot be reached";
    QuotaExceeded = "quota.exceeded", 429, "The tenant has taken all it may";
    TooManyStreams = "too_many_streams", 429, "Too many streams are open";
    Overloaded = "overloaded", 503, "The host has too much to do";
    Internal = "internal", 500, "A fault of the host";
}

impl Code {
    /// What to do about it: the first advice of its page, one line.
    pub fn fix(self) -> String {
        let advice = self.page().split_once("## What to do").map_or("", |(_, advice)| advice);
        let mut lines = advice.lines().skip_while(|line| !line.starts_with("- "));
        let first = lines.next().map(|line| line.trim_start_matches("- "));
        let rest = lines.take_while(|line| line.starts_with("  ")).map(str::trim);
        first.into_iter().chain(rest).collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Code {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|code| code.as_str() == text);
        found.copied().ok_or_else(|| format!("`{text}` is not a problem code"))
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
