use std::sync::Arc;

use learnflow_proto::{
    events::{QuestionAsked, QuestionRouted},
    topics,
    v1::{ClassifyRequest, ClassifyResponse, triage_service_server::TriageService},
};
use learnflow_service::Violations;
use learnflow_sidecar::{Event, Outcome, Sidecar};
use tonic::{Request, Response, Status};

use crate::classify::{Agent, Classifier, Verdict};

/// What the handlers share.
#[derive(Clone)]
pub struct Triage {
    sidecar: Sidecar,
    classifier: Arc<Classifier>,
}

impl Triage {
    pub fn new(sidecar: Sidecar) -> anyhow::Result<Self> {
        Ok(Self { sidecar, classifier: Arc::new(Classifier::new()?) })
    }

    /// Sends a question on to its agent. Acknowledged once it is there: the work takes a millisecond.
    pub async fn route(self, event: Event<QuestionAsked>) -> Outcome {
        let Some(question) = event.data.question.filter(|question| !question.student_id.is_empty()) else {
            tracing::warn!(event_id = event.id, "event without a question or a student dropped");
            return Outcome::Drop;
        };
        let Verdict { agent, rule, .. } =
            self.classifier.classify(&question.text, question.code.as_deref(), question.error.as_deref());
        let student_id = question.student_id.clone();
        let routed =
            QuestionRouted { question: Some(question), agent: agent.as_str().to_owned(), rule: rule.to_owned() };
        metrics::counter!("questions_routed_total", "agent" => agent.as_str(), "rule" => rule).increment(1);
        match self.sidecar.publish(topics::PUBSUB, topic(agent), &student_id, &routed).await {
            Ok(()) => {
                tracing::info!(agent = agent.as_str(), rule, "question routed");
                Outcome::Done
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "question not routed yet");
                Outcome::Retry
            }
            Err(error) => {
                tracing::error!(%error, "question cannot be routed");
                Outcome::Drop
            }
        }
    }
}

fn topic(agent: Agent) -> &'static str {
    match agent {
        Agent::Concepts => topics::CONCEPTS_REQUESTS,
        Agent::CodeReview => topics::CODE_SUBMISSIONS,
        Agent::Debug => topics::DEBUG_REQUESTS,
        Agent::Exercise => topics::EXERCISE_REQUESTS,
    }
}

#[tonic::async_trait]
impl TriageService for Triage {
    async fn classify(&self, request: Request<ClassifyRequest>) -> Result<Response<ClassifyResponse>, Status> {
        let ClassifyRequest { text, code, error } = request.into_inner();
        Violations::default()
            .text(&text, "text", 8 * 1024)
            .size(code.as_deref().unwrap_or_default(), "code", 64 * 1024)
            .size(error.as_deref().unwrap_or_default(), "error", 16 * 1024)
            .finish()?;
        let Verdict { agent, rule, certain } = self.classifier.classify(&text, code.as_deref(), error.as_deref());
        Ok(Response::new(ClassifyResponse { agent: agent.as_str().to_owned(), rule: rule.to_owned(), certain }))
    }
}
