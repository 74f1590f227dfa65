//! code-execution: runs students' Python in a sandbox.

mod queue;
mod service;

use std::sync::Arc;

use learnflow_proto::{topics, v1::execution_service_server::ExecutionServiceServer};
use learnflow_sandbox::{Sandbox, SandboxConfig};
use learnflow_service::{App, Service, env};

use crate::service::Execution;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("code-execution", 8107)?;
    let mut config = SandboxConfig::from_env();
    config.concurrency = env::or("EXECUTION_CONCURRENCY", config.concurrency)?;
    config.queue = env::or("EXECUTION_QUEUE", config.queue)?;
    let sandbox = tokio::task::spawn_blocking(move || Sandbox::new(config)).await??;
    tracing::info!(mode = sandbox.mode().as_str(), "sandbox ready");
    let execution = Execution::new(service.sidecar().clone(), Arc::new(sandbox));

    let queued = execution.clone();
    let callback = service.callback().on(topics::CODE_EXECUTION_REQUESTS, move |event| queued.clone().requested(event));
    service.serve(App::new(callback).grpc(ExecutionServiceServer::new(execution))).await?;
    Ok(())
}
