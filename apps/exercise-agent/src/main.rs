//! exercise-agent: makes and grades exercises, asks and grades quizzes.
//!
//! - [`choice`], [`maker`], [`made`]: from a seed to an exercise that the sandbox has verified;
//! - [`verdict`], [`quiz`], [`placement`]: grading, without anything that a student must not see;
//! - [`wish`], [`written`]: exercises by the model, or from a template; [`propose`]: from a teacher's words to one;
//! - [`practice`], [`store`], [`sandbox`]: what is kept where, told to whom, and run;
//! - [`service`], [`agent`]: the RPCs, and answers to questions.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test that cannot go on fails"))]

mod agent;
mod choice;
mod made;
mod maker;
mod placement;
mod practice;
mod propose;
mod quiz;
mod sandbox;
mod service;
mod store;
mod verdict;
mod wish;
mod written;

use std::sync::Arc;

use learnflow_agent::{Agent, AgentConfig};
use learnflow_curriculum::Curriculum;
use learnflow_model::{ModelConfig, ModelTutor};
use learnflow_proto::{
    topics,
    v1::{exercise_service_server::ExerciseServiceServer, quiz_service_server::QuizServiceServer},
};
use learnflow_service::{App, Service, env};
use learnflow_tutor::Tutor;

use crate::{agent::Exercises, practice::Practice, written::Author};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let service = Service::start("exercise-agent", 8105)?;
    let curriculum = Arc::new(Curriculum::load(env::or("CURRICULUM_DIR", "curriculum".to_owned())?)?);
    let tutor = Tutor::new(curriculum);
    let topics: Vec<_> = tutor.curriculum().topics().map(|topic| topic.id.clone()).collect();
    let author = Author::new(ModelTutor::start(service.sidecar(), topics, ModelConfig::from_env()?)?);
    let practice = Practice::new(tutor.clone(), service.sidecar().clone(), author);
    let answering = Exercises { tutor, practice: practice.clone() };
    let (sidecar, config) = (service.sidecar().clone(), AgentConfig::from_env()?);
    let agent = Agent::new(sidecar, topics::EXERCISE_REQUESTS, answering.clone(), &config);

    let accepting = agent.clone();
    let callback = service
        .callback()
        .on(topics::EXERCISE_REQUESTS, move |event| {
            let agent = accepting.clone();
            async move { agent.accept(event).await }
        })
        .on(topics::EXERCISE_REQUESTS, move |event| answering.clone().requested(event));
    let app = App::new(callback)
        .grpc(ExerciseServiceServer::new(practice.clone()))
        .grpc(QuizServiceServer::new(practice))
        .on_drain(move || async move { agent.drain().await });
    service.serve(app).await?;
    Ok(())
}
