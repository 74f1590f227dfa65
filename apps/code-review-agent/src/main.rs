//! code-review-agent: reviews students' code.

mod agent;
mod service;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_proto::{topics, v1::review_service_server::ReviewServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("code-review-agent", 8103)?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let tutor = Tutor::new(Arc::new(curriculum));
    let answering = agent::CodeReview { tutor };
    let agent = Agent::new(service.sidecar().clone(), topics::CODE_SUBMISSIONS, answering, &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let callback = service.callback().on(topics::CODE_SUBMISSIONS, move |event| {
        let agent = accepting.clone();
        async move { agent.accept(event).await }
    });
    let app = App::new(callback)
        .grpc(ReviewServiceServer::new(service::Reviews))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
