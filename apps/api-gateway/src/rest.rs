//! The REST side: every route is an RPC in other clothes. Its message is put together from path, query and body; the
//! answer, or a part of it, is the body of the response.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware,
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
    routing::{delete, get, patch, post},
};
use futures::StreamExt as _;
use learnflow_proto::v1::{
    AskRequest, ConfirmAssignmentRequest, CreateAssignmentRequest, CreateClassRequest, DebugRequest,
    DropAssignmentRequest, EraseUserRequest, ExecuteBatchRequest, ExecuteRequest, ExplainRequest, ExportUserRequest,
    GenerateExercisesRequest, GetAssignmentRequest, GetClassProgressRequest, GetExerciseRequest,
    GetPlacementQuizRequest, GetProgressRequest, GetQuizRequest, GetUserRequest, JoinClassRequest, ListAlertsRequest,
    ListAssignmentsRequest, ListAuditRequest, ListChatMessagesRequest, ListClassesRequest, ListConceptsRequest,
    ListEventsRequest, ListExercisesRequest, ListNotificationsRequest, ListUsersRequest, ListWeeksRequest,
    MarkReadRequest, PublishRequest, RecordProgressRequest, RemoveStudentRequest, RenewJoinCodeRequest,
    ResetPlacementRequest, ResolveAlertRequest, ReviewRequest, SubmitExerciseRequest, SubmitPlacementQuizRequest,
    SubmitQuizAttemptRequest, SubscribeRequest, UpdateUserRequest, WatchQueryRequest, WatchQueryResponse,
    auth_service_server::AuthService as _, query_service_server::QueryService as _, watch_query_response::Event,
};
use serde_json::json;
use tonic::Request;
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::{
    body::{Rpc, reply},
    execute::{self, piston, within},
    export,
    gateway::Gateway,
    identity::{REQUEST_ID, identify, signed_in},
    openapi,
    problem::Problem,
    query::prefer,
};

/// How long making or grading an exercise, or debugging, may take: it runs many programs, one after the other.
const PRACTICE: Duration = Duration::from_secs(28);

/// A route whose handler calls an RPC of another service and answers with (a part of) its response.
macro_rules! rpc {
    ($client:ident.$method:ident($request:ty)) => {
        rpc!($client.$method($request), |response| response)
    };
    ($client:ident.$method:ident($request:ty), |$response:ident| $part:expr) => {
        |State(gateway): State<Gateway>, Rpc(request): Rpc<$request>| async move {
            reply(gateway.$client().$method(request).await, |$response| $part)
        }
    };
    ($client:ident.$method:ident($request:ty) within $limit:expr) => {
        |State(gateway): State<Gateway>, Rpc(request): Rpc<$request>| async move {
            reply(gateway.$client().$method(within($limit, request)).await, |response| response)
        }
    };
}

/// As `rpc!`, answered with 201.
macro_rules! created {
    ($client:ident.$method:ident($request:ty)) => {
        |State(gateway): State<Gateway>, Rpc(request): Rpc<$request>| async move {
            created(reply(gateway.$client().$method(request).await, |response| response))
        }
    };
}

pub fn router(gateway: Gateway) -> anyhow::Result<Router> {
    let api = open_routes().merge(signed_in_routes().route_layer(middleware::from_fn(signed_in)));
    let router = Router::new()
        .nest("/api/v1", api)
        .nest("/api/v2", piston_routes().route_layer(middleware::from_fn(signed_in)))
        .route("/.well-known/jwks.json", get(published_keys))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path: see /docs") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this path does not know this method: see /docs")
        })
        .layer(middleware::from_fn_with_state(gateway.clone(), identify))
        .layer(middleware::from_fn(piston::errors))
        .with_state(gateway);
    Ok(router.merge(openapi::router()?))
}

fn open_routes() -> Router<Gateway> {
    Router::new()
        .route("/health", get(|| async { Json(json!({ "status": "ok", "service": "api-gateway" })) }))
        .route(
            "/ready",
            get(|State(gateway): State<Gateway>| async move { gateway.readiness().clone().respond().await }),
        )
        .route(
            "/auth/register",
            post(|State(gateway): State<Gateway>, Rpc(request)| async move {
                created(reply(gateway.register(Request::new(request)).await, |response| response))
            }),
        )
        .route(
            "/auth/login",
            post(|State(gateway): State<Gateway>, Rpc(request)| async move {
                reply(gateway.login(Request::new(request)).await, |response| response)
            }),
        )
        .route(
            "/auth/refresh",
            post(|State(gateway): State<Gateway>, Rpc(request)| async move {
                reply(gateway.refresh(Request::new(request)).await, |response| response)
            }),
        )
}

fn signed_in_routes() -> Router<Gateway> {
    question_routes()
        .merge(practice_routes())
        .merge(progress_routes())
        .merge(class_routes())
        .merge(message_routes())
        .merge(user_routes())
}

fn question_routes() -> Router<Gateway> {
    Router::new()
        .route("/query", post(ask))
        .route(
            "/queries/{request_id}",
            get(|State(gateway): State<Gateway>, Rpc(request)| async move {
                reply(gateway.get_query(Request::new(request)).await, |response| response)
            }),
        )
        .route("/queries/{request_id}/events", get(watch))
        .route("/concepts", get(rpc!(concepts.list_concepts(ListConceptsRequest))))
        .route("/explain", post(rpc!(concepts.explain(ExplainRequest), |response| response.answer)))
        .route("/review", post(rpc!(reviews.review(ReviewRequest))))
        .route("/debug", post(rpc!(debug.debug(DebugRequest) within PRACTICE)))
}

fn practice_routes() -> Router<Gateway> {
    Router::new()
        .route(
            "/exercises/generate",
            post(rpc!(exercises.generate_exercises(GenerateExercisesRequest) within PRACTICE)),
        )
        .route("/exercises", get(rpc!(exercises.list_exercises(ListExercisesRequest))))
        .route("/exercises/{id}", get(rpc!(exercises.get_exercise(GetExerciseRequest), |response| response.exercise)))
        .route(
            "/exercises/{exercise_id}/submissions",
            post(rpc!(exercises.submit_exercise(SubmitExerciseRequest) within PRACTICE)),
        )
        .route("/quizzes/{topic}", get(rpc!(quizzes.get_quiz(GetQuizRequest))))
        .route("/quizzes/{topic}/attempts", post(rpc!(quizzes.submit_quiz_attempt(SubmitQuizAttemptRequest))))
        .route("/placement", get(rpc!(quizzes.get_placement_quiz(GetPlacementQuizRequest))))
        .route("/placement/attempts", post(rpc!(quizzes.submit_placement_quiz(SubmitPlacementQuizRequest))))
        .route("/execute", post(run))
        .route("/execute/batch", post(rpc!(execution.execute_batch(ExecuteBatchRequest) within execute::BATCH)))
}

fn progress_routes() -> Router<Gateway> {
    Router::new()
        .route("/progress", post(rpc!(progress.record_progress(RecordProgressRequest))))
        .route("/progress/{user_id}", get(rpc!(progress.get_progress(GetProgressRequest))))
        .route("/progress/{user_id}/events", get(rpc!(progress.list_events(ListEventsRequest))))
        .route("/progress/{user_id}/weeks", get(rpc!(progress.list_weeks(ListWeeksRequest))))
        .route("/progress/{user_id}/audit", get(rpc!(progress.list_audit(ListAuditRequest))))
        .route("/progress/{user_id}/placement", delete(rpc!(progress.reset_placement(ResetPlacementRequest))))
        .route("/alerts", get(rpc!(alerts.list_alerts(ListAlertsRequest))))
        .route("/alerts/{id}/resolve", post(rpc!(alerts.resolve_alert(ResolveAlertRequest))))
}

fn class_routes() -> Router<Gateway> {
    Router::new()
        .route(
            "/classes",
            get(rpc!(classes.list_classes(ListClassesRequest)))
                .post(created!(classes.create_class(CreateClassRequest))),
        )
        .route("/classes/join", post(rpc!(classes.join_class(JoinClassRequest))))
        .route("/classes/{class_id}/progress", get(rpc!(classes.get_class_progress(GetClassProgressRequest))))
        .route(
            "/classes/{class_id}/join-code",
            post(rpc!(classes.renew_join_code(RenewJoinCodeRequest), |response| response.class)),
        )
        .route("/classes/{class_id}/students/{student_id}", delete(rpc!(classes.remove_student(RemoveStudentRequest))))
        .route(
            "/classes/{class_id}/assignments",
            post(|State(gateway): State<Gateway>, Rpc(request): Rpc<CreateAssignmentRequest>| async move {
                // An exercise may have to be made.
                let response = gateway.classes().create_assignment(within(PRACTICE, request)).await;
                created(reply(response, |response| response))
            }),
        )
        .route("/assignments", get(rpc!(classes.list_assignments(ListAssignmentsRequest))))
        .route(
            "/assignments/{id}",
            get(rpc!(classes.get_assignment(GetAssignmentRequest)))
                .merge(delete(rpc!(classes.drop_assignment(DropAssignmentRequest)))),
        )
        .route(
            "/assignments/{id}/confirm",
            post(rpc!(classes.confirm_assignment(ConfirmAssignmentRequest), |response| response.assignment)),
        )
}

fn message_routes() -> Router<Gateway> {
    Router::new()
        .route("/notifications", get(rpc!(notifications.list_notifications(ListNotificationsRequest))))
        .route("/notifications/subscribe", post(rpc!(notifications.subscribe(SubscribeRequest))))
        .route("/notifications/publish", post(rpc!(notifications.publish(PublishRequest))))
        .route("/notifications/{id}/read", post(rpc!(notifications.mark_read(MarkReadRequest))))
        .route("/chat/messages", get(rpc!(chats.list_chat_messages(ListChatMessagesRequest))))
}

fn user_routes() -> Router<Gateway> {
    Router::new()
        .route(
            "/auth/logout",
            post(|State(gateway): State<Gateway>, Rpc(request)| async move {
                reply(gateway.logout(Request::new(request)).await, |response| response)
            }),
        )
        .route("/users", get(rpc!(users.list_users(ListUsersRequest))))
        .route(
            "/users/{id}",
            get(rpc!(users.get_user(GetUserRequest), |response| response.user))
                .merge(patch(rpc!(users.update_user(UpdateUserRequest), |response| response.user)))
                .merge(delete(|State(gateway): State<Gateway>, Rpc(request): Rpc<EraseUserRequest>| async move {
                    let response = reply(gateway.users().erase_user(request).await, |response| response);
                    with_status(response, StatusCode::ACCEPTED)
                })),
        )
        .route(
            "/users/{id}/export",
            get(|State(gateway): State<Gateway>, Rpc(request): Rpc<ExportUserRequest>| {
                export::stream(gateway.users(), request)
            }),
        )
}

/// What clients of Piston call.
fn piston_routes() -> Router<Gateway> {
    Router::new()
        .route(
            "/execute",
            post(|State(gateway): State<Gateway>, headers: HeaderMap, body: Body| {
                piston::execute(gateway.execution(), headers, body)
            }),
        )
        .route("/runtimes", get(|State(gateway): State<Gateway>| piston::runtimes(gateway.execution())))
}

/// `POST /execute`: the result, or events on the way to it.
async fn run(State(gateway): State<Gateway>, headers: HeaderMap, Rpc(request): Rpc<ExecuteRequest>) -> Response {
    if execute::wants_events(&headers) {
        return execute::events(gateway.execution(), request).await;
    }
    reply(gateway.execution().execute(within(execute::RUN, request)).await, |response| response)
}

/// `POST /query`: 200 with the answer, or 202 and where to read it.
async fn ask(State(gateway): State<Gateway>, headers: HeaderMap, Rpc(request): Rpc<AskRequest>) -> Response {
    let mut request = request;
    if let Some(key) = headers.get("idempotency-key") {
        request.idempotency_key = Some(key.to_str().unwrap_or_default().to_owned());
    }
    if let Some(seconds) = prefer(&headers) {
        request.wait_seconds = Some(seconds);
    }
    let response = match gateway.ask(Request::new(request)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Problem::from(status).into_response(),
    };
    match (response.answer, response.problem) {
        (Some(answer), _) => Json(answer).into_response(),
        (None, Some(problem)) => Problem::from(problem).into_response(),
        (None, None) => {
            let location = format!("/api/v1/queries/{}", response.request_id);
            let body = Json(json!({ "request_id": response.request_id, "status": response.status }));
            (StatusCode::ACCEPTED, [(header::LOCATION, location)], body).into_response()
        }
    }
}

/// `GET /queries/{id}/events`: the answer as it is written.
async fn watch(State(gateway): State<Gateway>, headers: HeaderMap, Rpc(request): Rpc<WatchQueryRequest>) -> Response {
    let mut request = request;
    if let Some(id) = headers.get("last-event-id") {
        request.resume_token = Some(id.to_str().unwrap_or_default().to_owned());
    }
    let events = match gateway.watch_query(Request::new(request)).await {
        Ok(response) => response.into_inner(),
        Err(status) => return Problem::from(status).into_response(),
    };
    let events = events.filter_map(async |event| event.ok().and_then(server_sent)).map(Ok::<_, Infallible>);
    let mut response = Sse::new(events).keep_alive(KeepAlive::default()).into_response();
    // Proxies must pass each event on as it comes.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

fn server_sent(event: WatchQueryResponse) -> Option<SseEvent> {
    let (name, data) = match event.event? {
        Event::Part(text) => ("part", json!({ "sequence": event.sequence, "text": text })),
        Event::Answer(answer) => ("answer", serde_json::to_value(answer).ok()?),
        Event::Problem(problem) => ("problem", serde_json::to_value(problem).ok()?),
    };
    SseEvent::default().event(name).id(event.resume_token).json_data(data).ok()
}

/// `GET /.well-known/jwks.json`.
async fn published_keys(State(gateway): State<Gateway>) -> Response {
    match gateway.keys().keys().await {
        Ok(keys) => ([(header::CACHE_CONTROL, "public, max-age=300")], Json(keys.published())).into_response(),
        Err(error) => Problem::from(tonic::Status::unavailable(format!("{error:#}"))).into_response(),
    }
}

fn created(response: Response) -> Response {
    with_status(response, StatusCode::CREATED)
}

/// Another word for success.
fn with_status(mut response: Response, status: StatusCode) -> Response {
    if response.status() == StatusCode::OK {
        *response.status_mut() = status;
    }
    response
}

/// Which front ends may call from a browser, and what they may send and read.
pub fn cors(gateway: &Gateway) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(gateway.config().allowed_origins.clone()))
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("prefer"),
            HeaderName::from_static("traceparent"),
            HeaderName::from_static("x-grpc-web"),
            HeaderName::from_static("x-user-agent"),
            HeaderName::from_static("grpc-timeout"),
            REQUEST_ID,
        ])
        .expose_headers([
            REQUEST_ID,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("grpc-status"),
            HeaderName::from_static("grpc-message"),
        ])
        .max_age(Duration::from_hours(1))
}
