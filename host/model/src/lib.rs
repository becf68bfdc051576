//! The words and rules of Stepcell, pure: no clock, no I/O, no async, no randomness.
//!
//! Everything the other floors say to each other is said with these types.

pub mod backoff;
pub mod builtin;
mod canonical;
pub mod change;
pub mod code;
pub mod condition;
pub mod definition;
pub mod diff;
pub mod duration;
pub mod failure;
pub mod graph;
pub mod history;
pub mod id;
pub mod iso8601;
pub mod json;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod name;
pub mod near;
pub mod options;
pub mod outcome;
pub mod plan;
pub mod receipt;
mod retry;
pub mod rule;
pub mod run;
pub mod schema;
pub mod size;
pub mod status;
pub mod token;
pub mod version;

pub use builtin::Builtin;
pub use canonical::BadDefinition;
pub use change::{Change, Join, SkipReason, TaskKey};
pub use code::Code;
pub use condition::{Condition, Policy};
pub use definition::{Definition, Options, Step, StepIndex};
pub use failure::{Blame, Failure, FailureKind, HandlerErrorKind, RetryHint};
pub use history::{Recorded, Replay};
pub use id::{Digest, FlowId, RunId, TenantId, WorkerId};
pub use json::{Gate, Json, Refusal};
pub use limits::Limits;
pub use log::{LogLevel, LogLine};
pub use name::Name;
pub use options::{RunBackoff, RunOptions};
pub use outcome::{Child, GoOn, Input, Memory, Outcome, Signal, TaskContext, Wait};
pub use plan::Plan;
pub use receipt::Receipt;
pub use rule::ClosedAttempt;
pub use run::{Counting, RunState};
pub use status::{RunStatus, StepStatus, TaskStatus};
pub use token::{Arrival, Continuation, Finish, Moves, Onward, Position};
pub use version::Version;
