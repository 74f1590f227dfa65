use anyhow::{Context as _, Result, ensure};
use learnflow_proto::v1::{
    ClassifyRequest, ExplainRequest, ListConceptsRequest, ListConceptsResponse, ReviewRequest,
    concept_service_client::ConceptServiceClient, review_service_client::ReviewServiceClient,
    triage_service_client::TriageServiceClient,
};
use prost::Message as _;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tonic::{Code, Request, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::world::World;

/// Every app and the gRPC service that makes it what it is.
const SERVICES: &[(&str, &str)] = &[
    ("api-gateway", "learnflow.v1.QueryService"),
    ("triage", "learnflow.v1.TriageService"),
    ("concepts-agent", "learnflow.v1.ConceptService"),
    ("code-review-agent", "learnflow.v1.ReviewService"),
    ("debug-agent", "learnflow.v1.DebugService"),
    ("exercise-agent", "learnflow.v1.ExerciseService"),
    ("progress-service", "learnflow.v1.ProgressService"),
    ("code-execution", "learnflow.v1.ExecutionService"),
    ("websocket-service", "learnflow.v1.ChatService"),
    ("notification-service", "learnflow.v1.NotificationService"),
];

async fn channel(world: &World, app: &str) -> Result<Channel> {
    Ok(Channel::from_shared(format!("http://{}", world.address(app)?))?.connect().await?)
}

/// FR-003: all ten services answer probes, export metrics, and describe themselves over gRPC.
pub async fn probes_health_and_reflection(world: &World) -> Result<()> {
    for (app, service) in SERVICES {
        let address = world.address(app)?;
        let health: serde_json::Value = reqwest::get(format!("http://{address}/health")).await?.json().await?;
        ensure!(health["status"] == "ok" && health["service"] == *app, "{app}: {health}");
        let ready = reqwest::get(format!("http://{address}/ready")).await?;
        let status = ready.status();
        let report: serde_json::Value = ready.json().await?;
        ensure!(status == 200 && report["checks"]["sidecar"] == "ok", "{app}: {report}");
        let metrics = reqwest::get(format!("http://{address}/metrics")).await?.text().await?;
        ensure!(metrics.contains(&format!("service=\"{app}\"")), "{app} has no metrics: {metrics}");

        let channel = channel(world, app).await?;
        let serving = HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await?.into_inner();
        ensure!(serving.status == 1, "{app} is not serving");
        let question = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::FileContainingSymbol((*service).to_owned())),
        };
        let mut answers = ServerReflectionClient::new(channel)
            .server_reflection_info(futures::stream::iter([question]))
            .await?
            .into_inner();
        let answer = answers.message().await?.and_then(|answer| answer.message_response);
        ensure!(
            matches!(answer, Some(MessageResponse::FileDescriptorResponse(_))),
            "{app} does not describe {service}"
        );
    }
    let student = world.student()?.with_token("");
    for path in ["/health", "/ready", "/openapi.json"] {
        let response = reqwest::get(format!("{}/api/v1{path}", world.stack.gateway_url())).await?;
        ensure!(response.status() == 200, "{path}: {}", response.status());
    }
    drop(student);
    let docs = reqwest::get(format!("{}/docs/", world.stack.gateway_url())).await?;
    ensure!(docs.status() == 200 && docs.text().await?.contains("swagger"), "no documentation page");
    Ok(())
}

/// FR-001: what is not built yet answers 501 and a sentence, never a made-up result.
pub async fn what_is_not_built_says_so(world: &World) -> Result<()> {
    let student = world.student()?;
    let unbuilt = [("/auth/refresh", json!({ "refresh_token": "abc" })), ("/auth/logout", json!({}))];
    for (path, body) in unbuilt {
        let reply = student.post(path, &body).await?;
        ensure!(reply.status == StatusCode::NOT_IMPLEMENTED, "{path}: {reply:?}");
        ensure!(reply.text("detail").contains("not built yet"), "{path}: {reply:?}");
    }
    Ok(())
}

/// Security: an app takes calls from its sidecar only; the sidecar shows the app token.
pub async fn calls_need_the_app_token(world: &World) -> Result<()> {
    let mut triage = TriageServiceClient::new(channel(world, "triage").await?);
    let question = ClassifyRequest { text: "What is a list?".to_owned(), ..Default::default() };
    let refused = triage.classify(question.clone()).await.err().context("a call without the token got through")?;
    ensure!(refused.code() == Code::Unauthenticated, "{refused}");
    let mut request = Request::new(question);
    request.metadata_mut().insert("dapr-api-token", world.stack.app_api_token("triage").parse()?);
    ensure!(triage.classify(request).await?.into_inner().agent == "concepts");
    let mut reviews = ReviewServiceClient::new(channel(world, "api-gateway").await?);
    let refused = reviews.review(ReviewRequest::default()).await.err().context("no sign-in was needed")?;
    ensure!(refused.code() == Code::Unauthenticated, "{refused}");
    Ok(())
}

/// FR-001: errors are problem+json that name the field and the request; nothing of the inside gets out.
pub async fn errors_are_problems(world: &World) -> Result<()> {
    let student = world.student()?;
    let large = "x".repeat(65 * 1024);
    let cases = [
        ("/query", json!({ "text": "hi", "colour": "red" }), 400, "colour"),
        ("/query", json!({ "text": "" }), 400, "text"),
        ("/query", json!({ "text": "hi", "level": "expert" }), 400, "level"),
        ("/query", json!({ "text": "hi", "code": large }), 413, "code"),
        ("/query", json!([1]), 400, ""),
        ("/explain", json!({}), 400, "topic"),
        ("/explain", json!({ "topic": "no-such-topic" }), 404, ""),
        ("/execute", json!({ "code": large }), 413, "code"),
        ("/execute", json!({ "code": "1", "time_limit_ms": 6_000 }), 400, "time_limit_ms"),
        ("/execute", json!({ "code": "1", "memory_limit_mb": 500 }), 400, "memory_limit_mb"),
        ("/execute", json!({ "code": "1", "files": [{ "name": "../x", "content": "" }] }), 400, "files[0].name"),
        ("/nowhere", json!({}), 404, ""),
        ("/concepts", json!({}), 405, ""),
    ];
    for (path, body, status, field) in cases {
        let reply = student.post(path, &body).await?;
        ensure!(reply.status.as_u16() == status, "{path} {status}: {reply:?}");
        ensure!(reply.header("content-type") == "application/problem+json", "{path}: {reply:?}");
        ensure!(reply.text("request_id") == reply.header("x-request-id"), "{path}: {reply:?}");
        ensure!(!reply.text("detail").is_empty() && reply.body["status"] == status, "{path}: {reply:?}");
        ensure!(field.is_empty() || reply.body["errors"][0]["field"] == field, "{path}: {reply:?}");
    }
    for token in ["", "nonsense", "a.b.c"] {
        let reply = student.with_token(token).post("/query", &json!({ "text": "hi" })).await?;
        ensure!(reply.status == 401 && reply.header("www-authenticate") == "Bearer", "{token:?}: {reply:?}");
    }
    let reply = student.request(Method::POST, "/query").body("{").send().await?;
    ensure!(reply.status() == 400, "half a body: {}", reply.status());
    let reply = student.request(Method::POST, "/query").body(" ".repeat(300 * 1024)).send().await?;
    ensure!(reply.status() == 413, "a huge body: {}", reply.status());
    Ok(())
}

/// FR-001, FR-004: a browser reaches the services by gRPC-Web, from allowed origins.
pub async fn browsers_reach_every_service(world: &World) -> Result<()> {
    let student = world.student()?;
    let mut frame = vec![0];
    let message = ListConceptsRequest { module: Some("functions".to_owned()) }.encode_to_vec();
    frame.extend(u32::try_from(message.len())?.to_be_bytes());
    frame.extend(message);
    let url = format!("{}/learnflow.v1.ConceptService/ListConcepts", world.stack.gateway_url());
    let call = |origin: &'static str| {
        reqwest::Client::new()
            .post(&url)
            .bearer_auth(&student.token)
            .header("content-type", "application/grpc-web+proto")
            .header("origin", origin)
            .body(frame.clone())
            .send()
    };
    let response = call("http://localhost:3000").await?;
    let allowed = response.headers().get("access-control-allow-origin").cloned();
    ensure!(allowed.is_some_and(|origin| origin == "http://localhost:3000"), "{:?}", response.headers());
    let body = response.bytes().await?;
    let length = usize::try_from(u32::from_be_bytes(body[1..5].try_into()?))?;
    let concepts = ListConceptsResponse::decode(&body[5..5 + length])?;
    ensure!(concepts.modules.len() == 1 && concepts.modules[0].topics.len() >= 6, "{concepts:?}");
    let trailers = String::from_utf8_lossy(&body[5 + length..]).into_owned();
    ensure!(trailers.contains("grpc-status:0"), "{trailers:?}");
    ensure!(!call("http://evil.example").await?.headers().contains_key("access-control-allow-origin"));

    // The same over plain gRPC.
    let mut concepts = ConceptServiceClient::new(channel(world, "api-gateway").await?);
    let mut request = Request::new(ExplainRequest { topic: Some("lists".to_owned()), ..Default::default() });
    request.metadata_mut().insert("authorization", format!("Bearer {}", student.token).parse()?);
    let answer = concepts.explain(request).await?.into_inner().answer.context("no answer")?;
    ensure!(answer.topic == "lists" && answer.source == "builtin", "{answer:?}");
    Ok(())
}
