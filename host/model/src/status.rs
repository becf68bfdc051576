//! The statuses of runs and steps and the moves between them: the table the whole state machine is held to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($(#[doc = $doc:literal])* $name:ident { $($(#[doc = $vdoc:literal])* $variant:ident = $text:literal,)* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[doc = $vdoc])* $variant,)* }

        impl $name {
            /// Every status.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The status as it is written everywhere.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err(format!(
                        "`{}` is not a status; use {}",
                        text.chars().take(40).collect::<String>(),
                        [$($text),*].join(", "),
                    )),
                }
            }
        }
    };
}

statuses! {
    /// Where a run is.
    RunStatus {
        /// Started; no worker has taken it yet.
        Queued = "queued",
        /// A worker has or had a task of it.
        Running = "running",
        /// Every step ended well.
        Completed = "completed",
        /// A step failed for good.
        Failed = "failed",
        /// Somebody stopped it.
        Cancelled = "cancelled",
    }
}

statuses! {
    /// Where a step of a run is.
    StepStatus {
        /// Waits for its dependencies.
        Created = "created",
        /// Its tasks are open.
        Started = "started",
        /// Every task completed.
        Completed = "completed",
        /// A task failed for good.
        Failed = "failed",
        /// It will not run, for a reason.
        Skipped = "skipped",
        /// The run ended before it did.
        Cancelled = "cancelled",
    }
}

statuses! {
    /// Where a task is.
    TaskStatus {
        /// Waits for a worker.
        Queued = "queued",
        /// A worker has it.
        Running = "running",
        /// Waits for a moment: its next attempt or its start.
        Sleeping = "sleeping",
        /// Waits for a signal.
        AwaitingSignal = "awaiting_signal",
        /// Waits for the end of its children.
        AwaitingChildren = "awaiting_children",
        /// Waits for its component, which is not there.
        Blocked = "blocked",
        /// Completed.
        Completed = "completed",
        /// Failed for good.
        Failed = "failed",
        /// The run ended before it did.
        Cancelled = "cancelled",
    }
}

impl RunStatus {
    /// True when nothing will change any more.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Completed | Self::Failed | Self::Cancelled => true,
        }
    }

    /// Whether a run may move from this status to `next`.
    pub fn may_become(self, next: Self) -> bool {
        match (self, next) {
            (Self::Queued, Self::Running | Self::Completed | Self::Failed | Self::Cancelled)
            | (Self::Running, Self::Completed | Self::Failed | Self::Cancelled) => true,
            (Self::Queued, Self::Queued)
            | (Self::Running, Self::Queued | Self::Running)
            | (
                Self::Completed | Self::Failed | Self::Cancelled,
                Self::Queued | Self::Running | Self::Completed | Self::Failed | Self::Cancelled,
            ) => false,
        }
    }
}

impl StepStatus {
    /// True when nothing will change any more.
    pub fn is_ended(self) -> bool {
        match self {
            Self::Created | Self::Started => false,
            Self::Completed | Self::Failed | Self::Skipped | Self::Cancelled => true,
        }
    }
}
