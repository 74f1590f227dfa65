use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION},
    middleware::Next,
    response::{IntoResponse, Response},
};
use learnflow_sidecar::{Caller, Context, TraceContext};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{gateway::Gateway, problem::Problem};

/// Names a request, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Around every request: its id and trace, who sends it, a span and the metrics.
pub async fn identify(State(gateway): State<Gateway>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let request_id = headers
        .get(&REQUEST_ID)
        .and_then(|id| id.to_str().ok())
        .filter(|id| {
            (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
        .map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    let trace = headers
        .get("traceparent")
        .and_then(|trace| trace.to_str().ok()?.parse().ok())
        .map_or_else(TraceContext::new, |trace: TraceContext| trace.child());
    let anonymous = Context { trace, correlation_id: request_id.clone(), caller: None };
    let route = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", %method, route, trace_id = trace.trace_id(),
        correlation_id = request_id);

    let started = Instant::now();
    let handled = async {
        match anonymous.clone().scope(caller(&gateway, request.headers())).await {
            Ok(caller) => Context { caller, ..anonymous }.scope(next.run(request)).await,
            Err(problem) => problem.into_response(),
        }
    };
    let mut response = handled.instrument(span).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("http_server_seconds", "method" => method.to_string(), "route" => route, "status" => status)
        .record(started.elapsed());
    if let Ok(id) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Refuses a request without a signed-in user.
pub async fn signed_in(request: Request, next: Next) -> Response {
    match Context::current().caller() {
        Ok(_) => next.run(request).await,
        Err(_) => Problem::new(StatusCode::UNAUTHORIZED, "sign in first: send an access token as a bearer token")
            .into_response(),
    }
}

async fn caller(gateway: &Gateway, headers: &HeaderMap) -> Result<Option<Caller>, Problem> {
    let Some(authorization) = headers.get(AUTHORIZATION) else { return Ok(None) };
    let refused = |reason: &str| Problem::new(StatusCode::UNAUTHORIZED, reason);
    let token = authorization
        .to_str()
        .ok()
        .and_then(|value| value.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| refused("the authorization header must be \"Bearer <access token>\""))?;
    let verified = gateway.keys().verify(token).await.map_err(|error| {
        tracing::error!(error = format!("{error:#}"), "signing keys are not available");
        Problem::from(tonic::Status::unavailable("signing keys are not available"))
    })?;
    let claims = verified.map_err(|error| refused(&error.to_string()))?;
    if gateway.is_erased(&claims.sub) {
        return Err(refused("this account has been erased"));
    }
    let role = claims.role.parse().map_err(|error: String| refused(&error))?;
    Ok(Some(Caller { id: claims.sub, role }))
}
