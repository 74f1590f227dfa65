//! The gRPC-Web (and gRPC) side: the gateway's own services, and those behind it.

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderName, HeaderValue},
    middleware,
    response::{IntoResponse, Response},
    routing::post,
};
use learnflow_proto::v1::{auth_service_server::AuthServiceServer, query_service_server::QueryServiceServer};
use learnflow_sidecar::Context;
use tonic::{Status, service::Routes};
use tonic_web::GrpcWebLayer;
use tower::ServiceExt as _;

use crate::{body::BODY_LIMIT, gateway::Gateway, identity::identify};

/// Services of other apps that users may call; each decides by the caller's role what they may do there. Services that
/// are for other apps only (`AccountService`) are not listed.
const BEHIND: &[(&str, &str)] = &[
    ("AlertService", "progress-service"),
    ("ChatService", "websocket-service"),
    ("ClassService", "progress-service"),
    ("ConceptService", "concepts-agent"),
    ("DebugService", "debug-agent"),
    ("ExecutionService", "code-execution"),
    ("ExerciseService", "exercise-agent"),
    ("NotificationService", "notification-service"),
    ("ProgressService", "progress-service"),
    ("QuizService", "exercise-agent"),
    ("ReviewService", "code-review-agent"),
    ("TriageService", "triage"),
    ("UserService", "progress-service"),
];

/// What of a call's headers goes on to the service; identity and target are the gateway's to say.
const PASSED: [&str; 3] = ["content-type", "te", "grpc-timeout"];

pub fn router(gateway: Gateway) -> Router {
    let own = Routes::new(AuthServiceServer::new(gateway.clone()))
        .add_service(QueryServiceServer::new(gateway.clone()).max_decoding_message_size(BODY_LIMIT))
        .into_axum_router()
        .reset_fallback();
    let mut behind = Router::new();
    for &(service, app) in BEHIND {
        let path = format!("/learnflow.v1.{service}/{{method}}");
        let forward = move |State(gateway): State<Gateway>, request| forward(gateway, app, request);
        behind = behind.route(&path, post(forward));
    }
    own.merge(behind.with_state(gateway.clone()))
        .layer(middleware::from_fn_with_state(gateway, identify))
        .layer(GrpcWebLayer::new())
}

/// Passes a call on to the service's app, frames untouched.
async fn forward(gateway: Gateway, app: &'static str, request: Request) -> Response {
    if Context::current().caller().is_err() {
        return Status::unauthenticated("sign in first: send an access token as a bearer token").into_http::<Body>();
    }
    let (parts, body) = request.into_parts();
    let mut call = axum::http::Request::new(tonic::body::Body::new(body));
    *call.method_mut() = parts.method;
    *call.uri_mut() = parts.uri;
    for name in PASSED {
        if let Some(value) = parts.headers.get(name) {
            call.headers_mut().insert(HeaderName::from_static(name), value.clone());
        }
    }
    // A call may stream: without this, Dapr would replay a long stream from its start.
    call.headers_mut().insert("dapr-stream", HeaderValue::from_static("true"));
    match gateway.sidecar().app(app).oneshot(call).await {
        Ok(response) => response.map(Body::new).into_response(),
        Err(error) => {
            tracing::warn!(app, %error, "call not passed on");
            Status::unavailable("service temporarily unavailable").into_http()
        }
    }
}
