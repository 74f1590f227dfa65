use std::{sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, Request, Response, header::CONTENT_TYPE},
    middleware::Next,
};
use learnflow_sidecar::{API_TOKEN_KEY, Context};
use tonic::Status;
use tracing::Instrument as _;

/// Paths the sidecar, an orchestrator or a developer calls without the app token.
const WITHOUT_TOKEN: &[&str] = &[
    "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions",
    "/dapr.proto.runtime.v1.AppCallback/ListInputBindings",
    "/dapr.proto.runtime.v1.AppCallbackHealthCheck/HealthCheck",
    "/grpc.health.v1.Health/",
    "/grpc.reflection.",
];

#[derive(Clone)]
pub(crate) struct Gate {
    app_token: Option<Arc<str>>,
}

impl Gate {
    pub(crate) fn new(app_token: Option<&str>) -> Self {
        Self { app_token: app_token.map(Arc::from) }
    }

    fn admits(&self, path: &str, headers: &HeaderMap) -> bool {
        let Some(token) = &self.app_token else { return true };
        headers.get(API_TOKEN_KEY).is_some_and(|shown| shown.as_bytes() == token.as_bytes())
            || WITHOUT_TOKEN.iter().any(|prefix| path.starts_with(prefix))
    }
}

/// Around every gRPC call of another app or the sidecar: the app token, the context, a span and the metrics.
pub(crate) async fn grpc(State(gate): State<Gate>, request: Request<Body>, next: Next) -> Response<Body> {
    let path = request.uri().path().to_owned();
    if !gate.admits(&path, request.headers()) {
        return Status::unauthenticated("the app token is missing or wrong: call through the Dapr sidecar").into_http();
    }
    let is_call =
        request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    let context = Context::from_headers(request.headers());
    let span = tracing::info_span!(
        "rpc",
        method = path,
        trace_id = context.trace.trace_id(),
        correlation_id = context.correlation_id
    );
    let started = Instant::now();
    let response = context.scope(next.run(request).instrument(span)).await;
    // An unknown path must not become a label: anybody could fill the metrics with them.
    if is_call && response.status().is_success() {
        let code = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()).unwrap_or("0");
        if code != "12" {
            metrics::histogram!("rpc_server_seconds", "method" => path, "code" => code.to_owned())
                .record(started.elapsed());
        }
    }
    response
}
