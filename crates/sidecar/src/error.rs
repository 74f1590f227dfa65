use std::time::Duration;

use tokio::time::sleep;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What can go wrong between an app and its sidecar.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The environment does not describe a sidecar.
    #[error("{0}")]
    Config(String),
    /// The sidecar, or what is behind it, is away; the same call may succeed later.
    #[error("{operation} is unavailable: {reason}")]
    Unavailable {
        /// What was tried, for example `publish to learning.requests`.
        operation: String,
        /// What the sidecar said.
        reason: String,
    },
    /// Somebody else changed the value in between.
    #[error("{key} was changed by somebody else")]
    Conflict {
        /// The state key.
        key: String,
    },
    /// The sidecar refused the call; it will refuse it again.
    #[error("{operation} was refused ({code:?}): {reason}")]
    Refused {
        /// What was tried.
        operation: String,
        /// gRPC code of the refusal.
        code: Code,
        /// What the sidecar said.
        reason: String,
    },
    /// A stored value or an event is not what it should be.
    #[error("{what} is malformed: {reason}")]
    Malformed {
        /// Which value.
        what: String,
        /// Where it goes wrong.
        reason: String,
    },
}

/// Result of a sidecar call.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn shutting_down(operation: impl Into<String>) -> Self {
        Self::Unavailable { operation: operation.into(), reason: "shutting down".to_owned() }
    }

    pub(crate) fn from_status(operation: impl Into<String>, status: &Status) -> Self {
        let (operation, reason) = (operation.into(), status.message().to_owned());
        match status.code() {
            // "no host found" (Unknown) is Dapr's word for an app whose sidecar is gone. Internal covers a broker or
            // store that fails, and an open circuit breaker.
            Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Internal
            | Code::Unknown
            | Code::ResourceExhausted => Self::Unavailable { operation, reason },
            code => Self::Refused { operation, code, reason },
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable { .. } => {
                // The caller is not told what is away; the operators are.
                tracing::warn!(%error, "a call of the sidecar failed");
                let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(5)));
                Self::with_error_details(Code::Unavailable, "service temporarily unavailable", details)
            }
            Error::Conflict { .. } => Self::aborted(error.to_string()),
            Error::Config(_) | Error::Refused { .. } | Error::Malformed { .. } => Self::internal(error.to_string()),
        }
    }
}

/// How often and how far apart [`persistently`] tries: the pauses double, three seconds in all.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Tries again while the sidecar, or what is behind it, is away: for work that nobody else will do again.
///
/// # Errors
/// The last try's.
pub async fn persistently<T, F: Future<Output = Result<T>>>(operation: impl Fn() -> F) -> Result<T> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..TRIES {
        match operation().await {
            Err(error) if error.is_transient() => sleep(pause).await,
            result => return result,
        }
        pause *= 2;
    }
    operation().await
}
