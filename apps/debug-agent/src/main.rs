//! debug-agent: explains errors.

mod agent;
mod service;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_proto::{topics, v1::debug_service_server::DebugServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("debug-agent", 8104)?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let tutor = Tutor::new(Arc::new(curriculum));
    let answering = agent::Debugging { tutor };
    let agent = Agent::new(service.sidecar().clone(), topics::DEBUG_REQUESTS, answering, &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let callback = service.callback().on(topics::DEBUG_REQUESTS, move |event| {
        let agent = accepting.clone();
        async move { agent.accept(event).await }
    });
    let app = App::new(callback)
        .grpc(DebugServiceServer::new(service::Debugging))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
