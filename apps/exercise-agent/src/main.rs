//! exercise-agent: makes and grades exercises.

mod agent;
mod service;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_proto::{topics, v1::exercise_service_server::ExerciseServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("exercise-agent", 8105)?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let tutor = Tutor::new(Arc::new(curriculum));
    let answering = agent::Exercises { tutor };
    let agent = Agent::new(service.sidecar().clone(), topics::EXERCISE_REQUESTS, answering, &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let callback = service.callback().on(topics::EXERCISE_REQUESTS, move |event| {
        let agent = accepting.clone();
        async move { agent.accept(event).await }
    });
    let app = App::new(callback)
        .grpc(ExerciseServiceServer::new(service::Exercises))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
