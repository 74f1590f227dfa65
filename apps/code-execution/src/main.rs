//! code-execution: runs students' Python in a sandbox.

use std::time::Duration;

use code_execution::{admission::Limits, execution::Execution, level, watch};
use learnflow_proto::{topics, v1::execution_service_server::ExecutionServiceServer};
use learnflow_sandbox::{Sandbox, SandboxConfig};
use learnflow_service::{App, Service, env};

/// Most bytes of a request: fifty test cases are larger than any program.
const MAX_REQUEST: usize = 1024 * 1024;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("code-execution", 8107)?;
    let mut config = SandboxConfig::from_env();
    let longest_wait = Duration::from_millis(env::or("EXECUTION_MAX_WAIT_MS", 4_000)?);
    let runs = Limits::new(
        env::or("EXECUTION_CONCURRENCY", config.concurrency)?,
        env::or("EXECUTION_QUEUE", 64)?,
        longest_wait,
    );
    let sessions = Limits::new(env::or("EXECUTION_SESSIONS", 8)?, 8, longest_wait);
    // The queue is here, not there: a jail that is being taken down may keep a program waiting for a moment.
    config.concurrency = runs.slots + sessions.slots;
    config.queue = config.concurrency;
    let sandbox = tokio::task::spawn_blocking(move || Sandbox::new(config)).await??;
    tracing::info!(mode = sandbox.mode().as_str(), "sandbox ready");
    let execution = Execution::new(service.sidecar().clone(), sandbox, runs, sessions);

    let check = execution.clone();
    service.readiness().add(execution.check_name(), move || {
        let execution = check.clone();
        async move { execution.check().await }
    });
    tokio::spawn(watch::levels(execution.clone()));
    let (queued, draining) = (execution.clone(), execution.clone());
    let callback = service.callback().on(topics::CODE_EXECUTION_REQUESTS, move |event| queued.clone().requested(event));
    let levels = level::route(execution.clone());
    let server = ExecutionServiceServer::new(execution).max_decoding_message_size(MAX_REQUEST);
    let app = App::new(callback).grpc(server).http(levels).on_drain(move || async move { draining.drain().await });
    service.serve(app).await?;
    Ok(())
}
