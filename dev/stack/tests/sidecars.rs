//! The Dapr resources of the project, tried with real sidecars: what they load, allow, refuse and deliver.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use dapr::dapr::proto::common::v1::{InvokeRequest, InvokeResponse, StateItem};
use dapr::dapr::proto::runtime::v1 as runtime;
use learnflow_stack::{Parts, Stack, StackOptions};
use runtime::app_callback_health_check_server::{AppCallbackHealthCheck, AppCallbackHealthCheckServer};
use runtime::app_callback_server::{AppCallback, AppCallbackServer};
use runtime::dapr_client::DaprClient;
use runtime::topic_event_response::TopicEventResponseStatus;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::time::{sleep, timeout};
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};

const LIMIT: Duration = Duration::from_secs(30);

/// Requirements: topic table (producer → consumer), dead letters, state shared by services, secrets by need (FR-002).
#[tokio::test(flavor = "multi_thread")]
async fn sidecars_allow_what_the_design_needs_and_nothing_else() {
    let options = StackOptions { parts: Parts::Sidecars, ..StackOptions::for_tests().unwrap() };
    let stack = Stack::start(options).await.unwrap();

    publishing(&stack).await;
    secrets(&stack).await;
    state(&stack).await;
    let events = delivery(&stack).await;
    kafka_away(&stack, events).await;
    redis_crash(&stack).await;
    no_surprises_in_the_logs(&stack);
    stack.stop().await;
}

async fn publishing(stack: &Stack) {
    let (mut gateway, mut triage) = (Sidecar::of(stack, "api-gateway").await, Sidecar::of(stack, "triage").await);
    gateway.publish("pubsub", "learning.events", "1").await.unwrap();
    triage.publish("pubsub", "concepts.requests", "1").await.unwrap();
    Sidecar::of(stack, "debug-agent").await.publish("answers", "learning.responses", "1").await.unwrap();
    // Not in the table, another service's topic, a component for reading only, a component of others.
    assert_eq!(gateway.publish("pubsub", "no.such.topic", "1").await, Err(Code::PermissionDenied));
    assert_eq!(triage.publish("pubsub", "learning.requests", "1").await, Err(Code::PermissionDenied));
    assert_eq!(gateway.publish("answers", "learning.responses", "1").await, Err(Code::PermissionDenied));
    assert_eq!(triage.publish("answers", "learning.responses", "1").await, Err(Code::InvalidArgument));
    // HTTP is for health and metadata only.
    let port = stack.sidecar_http_port("triage").unwrap();
    let url = format!("http://127.0.0.1:{port}/v1.0/publish/pubsub/concepts.requests");
    let request = reqwest::Client::new().post(url).header("dapr-api-token", stack.dapr_api_token("triage"));
    assert!(request.body("1").send().await.unwrap().status().is_client_error());
    triage.token = "another".into();
    assert_eq!(triage.publish("pubsub", "concepts.requests", "1").await, Err(Code::Unauthenticated));
}

async fn secrets(stack: &Stack) {
    let mut gateway = Sidecar::of(stack, "api-gateway").await;
    let jwt = gateway.secret("jwt").await.unwrap();
    assert!(jwt["private_key"].starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_ne!(jwt["current_kid"], jwt["next_kid"]);
    assert_eq!(gateway.secret("database").await, Err(Code::PermissionDenied));
    let database = Sidecar::of(stack, "progress-service").await.secret("database").await.unwrap();
    assert!(database["url"].starts_with("postgres://learnflow:"));
    assert_eq!(Sidecar::of(stack, "triage").await.secret("redis").await, Err(Code::Unimplemented));

    stack.rotate_secret("jwt", &[("current_kid", "rotated")]).await.unwrap();
    let rotated = async {
        while gateway.secret("jwt").await.unwrap()["current_kid"] != "rotated" {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, rotated).await.unwrap();
}

async fn state(stack: &Stack) {
    Sidecar::of(stack, "api-gateway").await.save("student:1:idempotency:1", b"pending").await.unwrap();
    let read = Sidecar::of(stack, "concepts-agent").await.read("student:1:idempotency:1").await.unwrap();
    assert_eq!(read, b"pending");
}

async fn delivery(stack: &Stack) -> UnboundedReceiver<String> {
    let mut events = App::serve(stack, "triage");
    let mut gateway = Sidecar::of(stack, "api-gateway").await;
    gateway.publish("pubsub", "learning.requests", "broken").await.unwrap();
    gateway.publish("pubsub", "learning.requests", "good").await.unwrap();
    let mut seen = Vec::new();
    while seen.last().is_none_or(|event| event != "good") {
        seen.push(timeout(LIMIT, events.recv()).await.unwrap().unwrap());
    }
    // The first delivery and three retries, then the app drops it to the dead letters; the partition goes on.
    assert!(seen.iter().filter(|event| *event == "broken").count() >= 4, "{seen:?}");
    let dead = bytes_in(&stack.home().join("kafka"), "triage.learning.requests.dead-");
    assert!(dead > 0, "nothing in the dead-letter topic");
    events
}

/// Faults, Kafka away: publishing fails, quickly after the breaker opened, and resumes by itself; so does delivery.
async fn kafka_away(stack: &Stack, mut events: UnboundedReceiver<String>) {
    let mut gateway = Sidecar::of(stack, "api-gateway").await;
    stack.stop_child("kafka").await.unwrap();
    timeout(LIMIT, gateway.publish("pubsub", "learning.requests", "lost")).await.unwrap().unwrap_err();
    let second = gateway.publish("pubsub", "learning.requests", "lost");
    timeout(Duration::from_secs(1), second).await.expect("the breaker is open").unwrap_err();

    stack.start_child("kafka").await.unwrap();
    let back = async {
        while gateway.publish("pubsub", "learning.requests", "again").await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        // What was delivered before may come a second time.
        while events.recv().await.unwrap() != "again" {}
    };
    timeout(LIMIT, back).await.expect("publishing and delivery resume");
}

/// A process that dies is started again, with its data.
async fn redis_crash(stack: &Stack) {
    let before = stack.pid("redis");
    stack.kill9("redis").await.unwrap();
    stack.wait_ready("redis").await.unwrap();
    assert_ne!(stack.pid("redis"), before);
    let mut gateway = Sidecar::of(stack, "api-gateway").await;
    let read = async {
        loop {
            match gateway.read("student:1:idempotency:1").await {
                Ok(value) => break value,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    };
    assert_eq!(timeout(LIMIT, read).await.unwrap(), b"pending");
}

/// A stack without actors, jobs and mTLS says so three times; any other complaint of a start is a fault of ours.
fn no_surprises_in_the_logs(stack: &Stack) {
    let expected = ["mTLS is disabled", "No scheduler host addresses provided", "Actor runtime disabled"];
    for name in stack.names().into_iter().filter(|name| name.ends_with("-daprd")) {
        let log = std::fs::read_to_string(stack.log_path(&name)).unwrap();
        let start = log.split("waiting on port").next().unwrap();
        assert!(start.contains("Loading Resiliency configuration: learnflow"), "{name} has no resiliency");
        let complaints = start.lines().filter(|line| {
            ["warning", "error", "fatal"].iter().any(|level| line.contains(&format!("\"level\":\"{level}\"")))
        });
        for line in complaints {
            assert!(expected.iter().any(|text| line.contains(text)), "{name}: {line}");
        }
    }
}

fn bytes_in(data: &Path, partition: &str) -> u64 {
    let folders = std::fs::read_dir(data).unwrap().flatten();
    let ours = folders.filter(|entry| entry.file_name().to_string_lossy().starts_with(partition));
    ours.map(|entry| std::fs::metadata(entry.path().join("00000000000000000000.log")).unwrap().len()).sum()
}

/// A client of one app's sidecar.
struct Sidecar {
    client: DaprClient<Channel>,
    token: String,
}

impl Sidecar {
    async fn of(stack: &Stack, app: &str) -> Self {
        let url = format!("http://127.0.0.1:{}", stack.sidecar_port(app).unwrap());
        let client = DaprClient::connect(url).await.unwrap();
        Self { client, token: stack.dapr_api_token(app).to_owned() }
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("dapr-api-token", self.token.parse().unwrap());
        request
    }

    async fn publish(&mut self, component: &str, topic: &str, data: &str) -> Result<(), Code> {
        let request = self.request(runtime::PublishEventRequest {
            pubsub_name: component.into(),
            topic: topic.into(),
            data: format!("\"{data}\"").into(),
            data_content_type: "application/json".into(),
            metadata: [("partitionKey".into(), "student".into())].into(),
        });
        self.client.publish_event(request).await.map(drop).map_err(|status| status.code())
    }

    async fn secret(&mut self, key: &str) -> Result<std::collections::HashMap<String, String>, Code> {
        let request = self.request(runtime::GetSecretRequest {
            store_name: "secrets".into(),
            key: key.into(),
            ..Default::default()
        });
        self.client.get_secret(request).await.map(|answer| answer.into_inner().data).map_err(|status| status.code())
    }

    async fn save(&mut self, key: &str, value: &[u8]) -> Result<(), Code> {
        let item = StateItem { key: key.into(), value: value.into(), ..Default::default() };
        let request = self.request(runtime::SaveStateRequest { store_name: "statestore".into(), states: vec![item] });
        self.client.save_state(request).await.map(drop).map_err(|status| status.code())
    }

    async fn read(&mut self, key: &str) -> Result<Vec<u8>, Code> {
        let request = self.request(runtime::GetStateRequest {
            store_name: "statestore".into(),
            key: key.into(),
            ..Default::default()
        });
        self.client.get_state(request).await.map(|answer| answer.into_inner().data).map_err(|status| status.code())
    }
}

/// Stands in for an app: passes on what is delivered, and fails what is called broken.
#[derive(Clone)]
struct App {
    events: UnboundedSender<String>,
    token: String,
    failures: Arc<AtomicU32>,
}

impl App {
    fn serve(stack: &Stack, app: &str) -> UnboundedReceiver<String> {
        let (events, received) = mpsc::unbounded_channel();
        let app_token = stack.app_api_token(app).to_owned();
        let address = (Ipv4Addr::LOCALHOST, stack.port(app).unwrap()).into();
        let app = Self { events, token: app_token, failures: Arc::default() };
        let server = Server::builder()
            .add_service(AppCallbackServer::new(app.clone()))
            .add_service(AppCallbackHealthCheckServer::new(app));
        tokio::spawn(server.serve(address));
        received
    }
}

#[tonic::async_trait]
impl AppCallbackHealthCheck for App {
    async fn health_check(&self, _: Request<()>) -> Result<Response<runtime::HealthCheckResponse>, Status> {
        Ok(Response::new(runtime::HealthCheckResponse::default()))
    }
}

#[tonic::async_trait]
impl AppCallback for App {
    async fn on_topic_event(
        &self,
        request: Request<runtime::TopicEventRequest>,
    ) -> Result<Response<runtime::TopicEventResponse>, Status> {
        let token = request.metadata().get("dapr-api-token").map(|token| token.as_bytes().to_vec());
        assert_eq!(token.as_deref(), Some(self.token.as_bytes()), "the sidecar shows the app's token");
        let event = request.into_inner();
        assert_eq!(event.path, format!("/events/{}", event.topic));
        let data = String::from_utf8(event.data).unwrap().trim_matches('"').to_owned();
        let _ = self.events.send(data.clone());
        let status = match data.as_str() {
            // As an app that fails three times and then gives up.
            "broken" if self.failures.fetch_add(1, Ordering::Relaxed) < 3 => return Err(Status::internal("broken")),
            "broken" => TopicEventResponseStatus::Drop,
            _ => TopicEventResponseStatus::Success,
        };
        Ok(Response::new(runtime::TopicEventResponse { status: status.into() }))
    }

    async fn list_topic_subscriptions(
        &self,
        _: Request<()>,
    ) -> Result<Response<runtime::ListTopicSubscriptionsResponse>, Status> {
        Ok(Response::new(runtime::ListTopicSubscriptionsResponse::default()))
    }

    async fn on_invoke(&self, _: Request<InvokeRequest>) -> Result<Response<InvokeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn list_input_bindings(
        &self,
        _: Request<()>,
    ) -> Result<Response<runtime::ListInputBindingsResponse>, Status> {
        Ok(Response::new(runtime::ListInputBindingsResponse::default()))
    }

    async fn on_binding_event(
        &self,
        _: Request<runtime::BindingEventRequest>,
    ) -> Result<Response<runtime::BindingEventResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn on_bulk_topic_event(
        &self,
        _: Request<runtime::TopicEventBulkRequest>,
    ) -> Result<Response<runtime::TopicEventBulkResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn on_job_event(
        &self,
        _: Request<runtime::JobEventRequest>,
    ) -> Result<Response<runtime::JobEventResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
