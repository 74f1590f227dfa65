use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{extract::Request as HttpRequest, middleware};
use code_execution::{admission::Limits, execution::Execution, level};
use learnflow_proto::v1::{
    ExecuteRequest, ExecuteResponse, execution_service_client::ExecutionServiceClient,
    execution_service_server::ExecutionServiceServer,
};
use learnflow_sandbox::Sandbox;
use learnflow_sidecar::{Context, Sidecar, SidecarConfig};
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{Request, Status, service::Routes, transport::Channel};

/// The service on a port of its own, with a sidecar that is away: runs are not audited.
pub struct Served {
    pub client: ExecutionServiceClient<Channel>,
    pub execution: Arc<Execution>,
    pub address: SocketAddr,
    server: JoinHandle<()>,
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Serves with room for all that a test asks for.
pub async fn serve() -> Served {
    serve_with(Limits::new(4, 64, Duration::from_secs(20))).await
}

pub async fn serve_with(runs: Limits) -> Served {
    serve_as(runs, true).await
}

/// Serves with cgroups where they can be written, or without.
pub async fn serve_as(runs: Limits, cgroups: bool) -> Served {
    let sessions = Limits::new(2, 2, Duration::from_secs(5));
    let mut config = crate::sandbox::config();
    config.concurrency = runs.slots + sessions.slots;
    (config.warm, config.rich, config.cgroups) = (4, 0, cgroups);
    let sandbox = tokio::task::spawn_blocking(|| Sandbox::new(config)).await.unwrap();
    let sandbox = sandbox.expect("`make setup` provides what a sandbox needs");
    let away = SidecarConfig {
        endpoint: "http://127.0.0.1:9".to_owned(),
        api_token: None,
        app_token: None,
        app_id: "code-execution".to_owned(),
        timeout: Duration::from_secs(1),
    };
    let execution = Execution::new(Sidecar::connect(away).unwrap(), sandbox, runs, sessions);
    let service = ExecutionServiceServer::new(execution.clone());
    let levels = level::route(execution.clone());
    let router = Routes::new(service).into_axum_router().merge(levels).layer(middleware::from_fn(
        |request: HttpRequest, next: middleware::Next| {
            Context::from_headers(request.headers()).scope(next.run(request))
        },
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let client = ExecutionServiceClient::connect(url).await.unwrap();
    Served { client, execution: Arc::new(execution), address, server }
}

/// A call on a student's behalf.
pub fn from<T>(student: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-learnflow-user", student.parse().unwrap());
    request.metadata_mut().insert("x-learnflow-role", "student".parse().unwrap());
    request
}

pub fn program(code: &str) -> ExecuteRequest {
    ExecuteRequest { code: code.to_owned(), ..Default::default() }
}

impl Served {
    pub async fn run(&self, student: &str, request: ExecuteRequest) -> Result<ExecuteResponse, Status> {
        self.client.clone().execute(from(student, request)).await.map(tonic::Response::into_inner)
    }
}

/// Waits until something holds.
pub async fn until(what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
