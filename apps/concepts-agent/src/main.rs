//! concepts-agent: explains Python concepts.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

mod agent;
mod mastery;
mod plain;
mod service;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_model::{ModelConfig, ModelTutor};
use learnflow_proto::{topics, v1::concept_service_server::ConceptServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("concepts-agent", 8101)?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let tutor = Tutor::new(Arc::new(curriculum));
    let topics: Vec<_> = tutor.curriculum().topics().map(|topic| topic.id.clone()).collect();
    let model = ModelTutor::start(service.sidecar(), topics, ModelConfig::from_env()?)?;
    let concepts = Arc::new(agent::Concepts::new(tutor, model, mastery::Mastery::new(service.sidecar().clone())));
    let answering = agent::Worker { concepts: concepts.clone(), sidecar: service.sidecar().clone() };
    let agent = Agent::new(service.sidecar().clone(), topics::CONCEPTS_REQUESTS, answering, &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let callback = service.callback().on(topics::CONCEPTS_REQUESTS, move |event| {
        let agent = accepting.clone();
        async move { agent.accept(event).await }
    });
    let app = App::new(callback)
        .grpc(ConceptServiceServer::new(service::Service { concepts }))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
