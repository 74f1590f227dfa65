use std::{fmt::Display, time::Duration};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use learnflow_proto::v1;
use learnflow_service::explain;
use learnflow_sidecar::Context;
use serde::Serialize;
use tonic::Status;
use tonic_types::StatusExt as _;

/// An error as RFC 9457 `application/problem+json`.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    instance: String,
    request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What is wrong with one field.
#[derive(Debug, Serialize)]
pub struct FieldError {
    pub field: String,
    pub message: String,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Display) -> Self {
        let request_id = Context::current().correlation_id;
        let title = status.canonical_reason().unwrap_or("Error").to_owned();
        Self {
            kind: "about:blank".to_owned(),
            title,
            status: status.as_u16(),
            detail: detail.to_string(),
            instance: format!("urn:uuid:{request_id}"),
            request_id,
            errors: Vec::new(),
            retry_after: None,
        }
    }

    pub fn field(field: &str, message: impl Display) -> Self {
        let errors = vec![FieldError { field: field.to_owned(), message: message.to_string() }];
        Self { errors, ..Self::new(StatusCode::BAD_REQUEST, format!("{field}: {message}")) }
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let (code, detail) = explain(&status);
        let mut problem = Self::new(code, detail);
        problem.retry_after = details.retry_info().and_then(|info| info.retry_delay);
        if code == StatusCode::SERVICE_UNAVAILABLE && problem.retry_after.is_none() {
            problem.retry_after = Some(Duration::from_secs(5));
        }
        if let Some(bad_request) = details.bad_request() {
            problem.errors = bad_request
                .field_violations
                .iter()
                .map(|violation| FieldError { field: violation.field.clone(), message: violation.description.clone() })
                .collect();
        }
        problem
    }
}

/// A problem that an agent left in a request record.
impl From<v1::Problem> for Problem {
    fn from(problem: v1::Problem) -> Self {
        let code = u16::try_from(problem.status).ok().and_then(|code| StatusCode::from_u16(code).ok());
        Self {
            kind: problem.r#type,
            title: problem.title,
            ..Self::new(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), problem.detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after = self.retry_after.map(|delay| HeaderValue::from(delay.as_secs().max(1)));
        let mut response = (code, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(retry_after) = retry_after {
            headers.insert(header::RETRY_AFTER, retry_after);
        }
        if code == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
