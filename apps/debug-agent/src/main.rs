//! debug-agent: finds what is wrong with a program, one hint at a time.
//!
//! - [`examine`]: from a program to what is wrong with it, running it or its tests where needed;
//! - [`tests`]: an exercise's tests, or a student's own, as a request to grade by;
//! - [`ladder`]: how far each student has climbed for each problem;
//! - [`record`]: error patterns, told to progress-service;
//! - [`service`], [`agent`]: the RPC, and answers to questions.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

mod agent;
mod examine;
mod ladder;
mod record;
mod service;
mod tests;
mod wording;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_model::{ModelConfig, ModelTutor};
use learnflow_proto::{topics, v1::debug_service_server::DebugServiceServer};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

use crate::{examine::Examiner, wording::Wording};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("debug-agent", 8104)?;
    let curriculum = Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?;
    let sidecar = service.sidecar().clone();
    let topics: Vec<_> = curriculum.topics().map(|topic| topic.id.clone()).collect();
    let model = ModelTutor::start(&sidecar, topics, ModelConfig::from_env()?)?;
    let examiner = Examiner::new(Tutor::new(Arc::new(curriculum)), sidecar.clone());
    let debugging = service::Debugging::new(examiner, Wording::new(model), sidecar.clone());
    let agent = Agent::new(sidecar, topics::DEBUG_REQUESTS, debugging.clone(), &AgentConfig::from_env()?);

    let accepting = agent.clone();
    let callback = service.callback().on(topics::DEBUG_REQUESTS, move |event| {
        let agent = accepting.clone();
        async move { agent.accept(event).await }
    });
    let app = App::new(callback)
        .grpc(DebugServiceServer::new(debugging))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
