//! What can go wrong between Stepcell and Postgres.

use sqlx::error::DatabaseError;

/// A fault of the store. Postgres's own texts stay in the log: they can carry a tenant's bytes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres did not answer; whether a write was committed is unknown.
    #[error("Postgres is not available; check that it runs and that the database URL is right")]
    Unavailable(#[source] sqlx::Error),
    /// Postgres refused a value (22xxx, 54xxx, 23514).
    #[error("Postgres refused a value ({0})")]
    Refused(String),
    /// A token in the batch is not held any more.
    #[error("a claim in the batch no longer holds")]
    Stale,
    /// Postgres chose this statement to break a deadlock, or could not serialise it: nothing was written.
    #[error("the statement collided with another one; try again")]
    Collision,
    /// The schema could not be brought up to date.
    #[error("the schema could not be migrated: {0}")]
    Migration(String),
    /// What is stored cannot be read: a newer Stepcell wrote it, or somebody changed it.
    #[error("what is stored as {what} cannot be read: {why}")]
    Unreadable {
        /// Which thing.
        what: String,
        /// Why not.
        why: String,
    },
    /// Anything else Postgres answered: a fault of ours.
    #[error("a statement failed ({code})")]
    Statement {
        /// SQLSTATE.
        code: String,
        /// For the log only.
        #[source]
        source: sqlx::Error,
    },
}

impl Error {
    pub(crate) fn unreadable(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Unreadable { what: what.into(), why: why.to_string() }
    }

    /// True when what was written refers to a row that is not there, or is referred to by one.
    pub fn is_reference(&self) -> bool {
        matches!(self, Self::Statement { code, .. } if code == "23503")
    }

    /// True when nobody knows whether what was asked for was committed.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Unreadable { .. } | Self::Migration(_) => true,
            Self::Refused(_) | Self::Stale | Self::Collision | Self::Statement { .. } => false,
        }
    }

    /// The same fault for one more caller that waited for it.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Unavailable(_) => Self::Unavailable(sqlx::Error::WorkerCrashed),
            Self::Refused(code) => Self::Refused(code.clone()),
            Self::Stale => Self::Stale,
            Self::Collision => Self::Collision,
            Self::Migration(why) => Self::Migration(why.clone()),
            Self::Unreadable { what, why } => {
                Self::Unreadable { what: what.clone(), why: why.clone() }
            }
            Self::Statement { code, .. } => {
                Self::Statement { code: code.clone(), source: sqlx::Error::WorkerCrashed }
            }
        }
    }

    pub(crate) fn migration(error: sqlx::migrate::MigrateError) -> Self {
        if let sqlx::migrate::MigrateError::Execute(error) = error {
            return error.into();
        }
        Self::Migration(error.to_string())
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if let sqlx::Error::Database(refusal) = &error {
            return match Self::of_database(refusal.as_ref()) {
                Ok(known) => known,
                Err(code) if means_unavailable(&code) => Self::Unavailable(error),
                Err(code) => Self::Statement { code, source: error },
            };
        }
        let is_connection = matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        if is_connection {
            Self::Unavailable(error)
        } else {
            Self::unreadable("an answer of Postgres", error)
        }
    }
}

impl Error {
    /// Reads the SQLSTATE; the code itself where it means nothing special.
    fn of_database(refusal: &dyn DatabaseError) -> Result<Self, String> {
        let code = refusal.code().unwrap_or_default().into_owned();
        match code.as_str() {
            "22012" => Ok(Self::Stale),
            "40001" | "40P01" => Ok(Self::Collision),
            "23514" => Ok(Self::Refused(code)),
            _ if code.starts_with("22") || code.starts_with("54") => Ok(Self::Refused(code)),
            _ => Err(code),
        }
    }
}

/// True for SQLSTATEs that mean the server is going away or has no room: the connection is as good as lost.
fn means_unavailable(code: &str) -> bool {
    ["57P", "08", "53"].iter().any(|class| code.starts_with(class))
}
