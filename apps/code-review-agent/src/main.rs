//! code-review-agent: reviews students' code.
//!
//! Three ways lead to a review: the `Review` RPC; a question that triage has routed here, answered through the request
//! record like those of the other agents; and a submission to an exercise, whose rating becomes a fact for mastery.

mod agent;
mod reviewing;
mod service;
mod submissions;
mod wording;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_model::{ModelConfig, ModelTutor};
use learnflow_proto::{topics, v1::review_service_server::ReviewServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("code-review-agent", 8103)?;
    let curriculum = Arc::new(Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?);
    let topics: Vec<_> = curriculum.topics().map(|topic| topic.id.clone()).collect();
    let model = ModelTutor::start(service.sidecar(), topics, ModelConfig::from_env()?)?;
    let wording = wording::Wording::new(model);
    let answering = agent::CodeReview { tutor: Tutor::new(curriculum.clone()), wording: wording.clone() };
    let agent = Agent::new(service.sidecar().clone(), topics::CODE_SUBMISSIONS, answering, &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let sidecar = service.sidecar().clone();
    let callback = service
        .callback()
        .on(topics::CODE_SUBMISSIONS, move |event| {
            let agent = accepting.clone();
            async move { agent.accept(event).await }
        })
        .on(topics::CODE_SUBMISSIONS, move |event| submissions::rate(sidecar.clone(), event));
    let app = App::new(callback)
        .grpc(ReviewServiceServer::new(service::Reviews { curriculum, wording }))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
