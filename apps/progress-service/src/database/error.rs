use std::time::Duration;

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The code of [`DatabaseError::damaged`]; PostgreSQL has none of this form.
const DAMAGED: &str = "damaged";

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It is away, starting, full or busy; the same statement may succeed later.
    #[error("database unavailable: {0}")]
    Unavailable(String),
    /// It refused the connection's user or password.
    #[error("the database refuses the credentials: {0}")]
    Credentials(String),
    /// It refused the statement and will refuse it again.
    #[error("database refused a statement: {code} {message}")]
    Refused {
        /// SQLSTATE, for example `23505`.
        code: String,
        /// What the database said, without the values of the statement.
        message: String,
        /// The constraint that was violated, if one was.
        constraint: Option<String>,
    },
}

impl DatabaseError {
    /// Whether the statement broke this constraint.
    pub fn violates(&self, name: &str) -> bool {
        matches!(self, Self::Refused { constraint: Some(constraint), .. } if constraint == name)
    }

    /// Something stored cannot be read.
    pub fn damaged(what: &str) -> Self {
        Self::Refused {
            code: DAMAGED.to_owned(),
            message: format!("a stored {what} is damaged: restore it from a backup"),
            constraint: None,
        }
    }

    /// Whether the values are at fault (classes 22 and 23, or damage), not the statement or the server: the same values
    /// will be refused again, others need not.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { code, .. }
                 if code.starts_with("22") || code.starts_with("23") || code == DAMAGED)
    }
}

impl From<tokio_postgres::Error> for DatabaseError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            // Without an answer of the server it was the way there or back that failed.
            return Self::Unavailable(error.to_string());
        };
        let (code, message) = (db.code().code(), db.message().to_owned());
        match code.get(..2) {
            _ if *db.code() == SqlState::INVALID_PASSWORD => Self::Credentials(message),
            Some("28") => Self::Credentials(message),
            // Connection, rolled back, resources, operator's doing (also a statement time-out), system, internal.
            Some("08" | "40" | "53" | "55" | "57" | "58" | "XX") => Self::Unavailable(format!("{code} {message}")),
            _ if *db.code() == SqlState::READ_ONLY_SQL_TRANSACTION => Self::Unavailable(format!("{code} {message}")),
            _ => Self::Refused { code: code.to_owned(), message, constraint: db.constraint().map(ToOwned::to_owned) },
        }
    }
}

impl From<PoolError> for DatabaseError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

impl From<DatabaseError> for Status {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unavailable(_) | DatabaseError::Credentials(_) => {
                tracing::warn!(%error, "answered UNAVAILABLE");
                let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(5)));
                Self::with_error_details(Code::Unavailable, "service temporarily unavailable", details)
            }
            DatabaseError::Refused { .. } => {
                tracing::error!(%error, "answered INTERNAL");
                Self::internal("the database refused the request; the service's log says why")
            }
        }
    }
}
