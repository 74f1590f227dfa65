use http::StatusCode;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{TOO_LARGE, TOO_MANY};

/// `ErrorInfo.reason` of an idempotency key that came with another question before.
pub const KEY_REUSED: &str = "IDEMPOTENCY_KEY_REUSED";

/// What a person outside is told of a failed call: the HTTP status, and what happened. What went wrong inside is logged
/// instead: it is for the operators.
pub fn explain(status: &Status) -> (StatusCode, String) {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    let code = match (status.code(), reason) {
        (_, Some(TOO_LARGE)) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, Some(KEY_REUSED)) => StatusCode::UNPROCESSABLE_ENTITY,
        (Code::InvalidArgument | Code::OutOfRange, _) => StatusCode::BAD_REQUEST,
        (Code::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
        (Code::PermissionDenied, _) => StatusCode::FORBIDDEN,
        (Code::NotFound, _) => StatusCode::NOT_FOUND,
        (Code::AlreadyExists | Code::Aborted | Code::FailedPrecondition, _) => StatusCode::CONFLICT,
        (Code::Unimplemented, _) => StatusCode::NOT_IMPLEMENTED,
        (Code::ResourceExhausted, Some(TOO_MANY)) => StatusCode::TOO_MANY_REQUESTS,
        (Code::ResourceExhausted | Code::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
        (Code::DeadlineExceeded, _) => StatusCode::GATEWAY_TIMEOUT,
        // Dapr's word for an app whose sidecar is gone; to a client it is simply away.
        (Code::Unknown, _) if status.message().contains("no host found") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let detail = match code {
        StatusCode::INTERNAL_SERVER_ERROR => {
            tracing::error!(code = ?status.code(), reason = status.message(), "request failed");
            "something went wrong on our side: try again, and give the request id if you report it"
        }
        StatusCode::SERVICE_UNAVAILABLE if reason.is_none() && status.code() != Code::ResourceExhausted => {
            tracing::warn!(code = ?status.code(), reason = status.message(), "service unavailable");
            "service temporarily unavailable: try again in a few seconds"
        }
        _ => status.message(),
    };
    (code, detail.to_owned())
}
