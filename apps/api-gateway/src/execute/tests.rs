//! The HTTP side of running programs, before a code-execution that says what the program tells it to.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request as HttpRequest, StatusCode, header},
    middleware,
    response::Response as HttpResponse,
    routing::{get, post},
};
use futures::{Stream, StreamExt as _, stream};
use http_body_util::BodyExt as _;
use learnflow_proto::v1::{
    ExecuteBatchRequest, ExecuteBatchResponse, ExecuteInteractiveRequest, ExecuteInteractiveResponse, ExecuteRequest,
    ExecuteResponse, ExecuteStreamRequest, ExecuteStreamResponse, GetRuntimeRequest, GetRuntimeResponse, GradeRequest,
    GradeResponse,
    execute_stream_response::Event,
    execution_service_server::{ExecutionService, ExecutionServiceServer},
};
use learnflow_service::Violations;
use learnflow_sidecar::{Sidecar, SidecarConfig};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tonic::{Code, Request, Response, Status, Streaming, service::Routes};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::ServiceExt as _;

use super::{Client, events, piston, wants_events};

/// Stands for code-execution and the sidecars before it.
#[derive(Clone, Default)]
struct Stub {
    left: Arc<AtomicBool>,
}

/// Notes that a stream was given up.
struct Left(Arc<AtomicBool>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn busy() -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(7)));
    Status::with_error_details(Code::ResourceExhausted, "too many programs are waiting to run", details)
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ExecutionService for Stub {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        let deadline = request.metadata().get("grpc-timeout").cloned();
        assert!(deadline.is_some_and(|deadline| deadline != "5000000u"), "a run may take longer than other calls");
        let request = request.into_inner();
        match request.code.as_str() {
            "busy" => Err(busy()),
            "large" => Err(Violations::default().size("xx", "code", 1).finish().unwrap_err()),
            _ => Ok(Response::new(ExecuteResponse {
                status: "completed".to_owned(),
                exit_code: Some(0),
                stdout: format!("{:?}", (request.stdin, request.args, request.time_limit_ms)),
                duration_ms: 3,
                ..Default::default()
            })),
        }
    }

    async fn execute_batch(&self, _: Request<ExecuteBatchRequest>) -> Result<Response<ExecuteBatchResponse>, Status> {
        Err(Status::unimplemented("not called"))
    }

    type ExecuteStreamStream = Events<ExecuteStreamResponse>;

    async fn execute_stream(
        &self,
        request: Request<ExecuteStreamRequest>,
    ) -> Result<Response<Self::ExecuteStreamStream>, Status> {
        let metadata = request.metadata();
        assert!(metadata.get("dapr-stream").is_some_and(|stream| stream == "true"), "Dapr would hold the stream back");
        assert!(!metadata.contains_key("grpc-timeout"), "a stream has no deadline");
        let code = request.into_inner().program.unwrap_or_default().code;
        let event = |event| Ok(ExecuteStreamResponse { event: Some(event) });
        let result = ExecuteResponse { status: "completed".to_owned(), exit_code: Some(0), ..Default::default() };
        let first = event(Event::Stdout("é\n".to_owned()));
        Ok(Response::new(match code.as_str() {
            "busy" => return Err(busy()),
            "breaks" => Box::pin(stream::iter([first, Err(Status::internal("secret"))])),
            "endless" => {
                let left = Left(self.left.clone());
                Box::pin(stream::once(async { first }).chain(stream::once(async move {
                    let _left = left;
                    std::future::pending().await
                })))
            }
            _ => Box::pin(stream::iter([first, event(Event::Stderr("x".to_owned())), event(Event::Result(result))])),
        }))
    }

    type ExecuteInteractiveStream = Events<ExecuteInteractiveResponse>;

    async fn execute_interactive(
        &self,
        _: Request<Streaming<ExecuteInteractiveRequest>>,
    ) -> Result<Response<Self::ExecuteInteractiveStream>, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn grade(&self, _: Request<GradeRequest>) -> Result<Response<GradeResponse>, Status> {
        Err(Status::unimplemented("not called"))
    }

    async fn get_runtime(&self, _: Request<GetRuntimeRequest>) -> Result<Response<GetRuntimeResponse>, Status> {
        Ok(Response::new(GetRuntimeResponse { language: "python".to_owned(), version: "3.11.2".to_owned() }))
    }
}

async fn client(stub: Stub) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let router = Routes::new(ExecutionServiceServer::new(stub)).into_axum_router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let timeout = Duration::from_secs(5);
    let app_id = "api-gateway".to_owned();
    let config = SidecarConfig { endpoint, api_token: None, app_token: None, app_id, timeout };
    Client::new(Sidecar::connect(config).unwrap().app("code-execution"))
}

fn program(code: &str) -> ExecuteRequest {
    ExecuteRequest { code: code.to_owned(), ..Default::default() }
}

async fn text(response: HttpResponse) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// FR-030: output comes as events, the result is the last; what goes wrong is a problem, without the inside.
#[tokio::test]
async fn output_comes_as_events() {
    let client = client(Stub::default()).await;
    let response = events(client.clone(), program("runs")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");
    let text_of = text(response).await;
    let names: Vec<_> = text_of.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(names, ["stdout", "stderr", "result"]);
    let data: Vec<Value> = text_of
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    assert_eq!(data[..2], [json!({ "text": "é\n" }), json!({ "text": "x" })]);
    assert_eq!((&data[2]["status"], &data[2]["exit_code"]), (&json!("completed"), &json!(0)));

    let broken = text(events(client.clone(), program("breaks")).await).await;
    assert!(broken.contains("event: problem\n") && broken.contains("\"status\":500"), "{broken}");
    assert!(!broken.contains("secret") && !broken.contains("event: result"), "{broken}");
    let refused = events(client, program("busy")).await;
    assert_eq!(
        (refused.status(), &refused.headers()["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"7".parse().unwrap())
    );
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
}

/// FR-029: a client that leaves ends its program.
#[tokio::test]
async fn leaving_ends_the_run() {
    let stub = Stub::default();
    let mut response = events(client(stub.clone()).await, program("endless")).await;
    let first = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    assert!(first.starts_with(b"event: stdout"), "{first:?}");
    assert!(!stub.left.load(Ordering::SeqCst));
    drop(response);
    for _ in 0..200 {
        if stub.left.load(Ordering::SeqCst) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the run goes on");
}

/// FR-030: events are for those who ask for them.
#[test]
fn events_are_asked_for() {
    let wants = |accept: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        wants_events(&headers)
    };
    assert!(wants("text/event-stream") && wants("application/json;q=0.5, Text/Event-Stream;q=1"));
    assert!(!wants("application/json") && !wants("*/*") && !wants_events(&HeaderMap::new()));
}

/// FR-029: Piston's clients get Piston's answers, errors included.
#[tokio::test]
async fn piston_is_spoken() {
    let client = client(Stub::default()).await;
    let (run, list) = (client.clone(), client);
    let router = Router::new()
        .route("/api/v2/execute", post(move |headers, body| piston::execute(run.clone(), headers, body)))
        .route("/api/v2/runtimes", get(move || piston::runtimes(list.clone())))
        .layer(middleware::from_fn(piston::errors));
    let call = async |request: HttpRequest<Body>| {
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/json");
        let (status, retry) = (response.status().as_u16(), response.headers().get("retry-after").cloned());
        (status, retry, serde_json::from_str::<Value>(&text(response).await).unwrap())
    };
    let post = |body: String| {
        HttpRequest::post("/api/v2/execute").header("content-type", "application/json").body(Body::from(body)).unwrap()
    };
    let body = |language: &str, code: &str| json!({ "language": language, "version": "3.x", "files": [{ "content": code }], "args": ["a"], "run_timeout": 2_000 });

    let (status, _, runtimes) = call(HttpRequest::get("/api/v2/runtimes").body(Body::empty()).unwrap()).await;
    assert_eq!(status, 200);
    assert_eq!(runtimes, json!([{ "language": "python", "version": "3.11.2", "aliases": ["python3", "py", "py3"] }]));
    let (status, _, ran) = call(post(body("py", "runs").to_string())).await;
    assert_eq!((status, &ran["language"], &ran["version"]), (200, &json!("python"), &json!("3.11.2")));
    assert_eq!(ran["run"]["stdout"], r#"(None, ["a"], Some(2000))"#);
    assert_eq!((&ran["run"]["code"], &ran["run"]["wall_time"]), (&json!(0), &json!(3)));

    let (status, _, refused) = call(post(body("ruby", "runs").to_string())).await;
    assert_eq!((status, refused), (400, json!({ "message": "ruby-3.x runtime is unknown" })));
    let (status, retry, refused) = call(post(body("py", "busy").to_string())).await;
    assert_eq!((status, retry.unwrap()), (503, "7".parse().unwrap()));
    assert_eq!(refused, json!({ "message": "too many programs are waiting to run" }));
    let (status, _, refused) = call(post(body("py", "large").to_string())).await;
    assert_eq!((status, refused["message"].as_str().unwrap().starts_with("code: ")), (413, true));
    assert_eq!(call(post("x".repeat(300_000))).await.0, 413);
    assert_eq!(call(post("[1]".to_owned())).await.0, 400);
    let untyped = HttpRequest::post("/api/v2/execute").body(Body::from(body("py", "runs").to_string())).unwrap();
    let (status, _, refused) = call(untyped).await;
    assert_eq!((status, refused), (415, json!({ "message": "requests must be of type application/json" })));
}
