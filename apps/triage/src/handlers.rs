use std::{sync::Arc, time::Duration};

use learnflow_proto::{
    events::{QuestionAsked, QuestionRouted},
    topics,
    v1::{ClassifyRequest, ClassifyResponse, triage_service_server::TriageService},
};
use learnflow_service::Violations;
use learnflow_sidecar::{Context, Event, Outcome, Publication, Sidecar, persistently};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};
use triage::classify::{Agent, Classifier, Verdict};

/// How long a shutdown waits for questions on their way to the broker.
const DRAIN: Duration = Duration::from_secs(10);

/// What the handlers share.
#[derive(Clone)]
pub struct Triage {
    sidecar: Sidecar,
    classifier: Arc<Classifier>,
    tasks: TaskTracker,
}

impl Triage {
    pub fn new(sidecar: Sidecar) -> anyhow::Result<Self> {
        Ok(Self { sidecar, classifier: Arc::new(Classifier::new()?), tasks: TaskTracker::new() })
    }

    /// Sends a question on to its agent. Acknowledged once it has its place in the order of the agent's topic: were it
    /// lost after that, its request record would show no sign of life, and whoever waits for it publishes it again.
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
        match self.sidecar.enqueue(topics::PUBSUB, topic(agent), &student_id, &routed).await {
            Ok(publication) => {
                tracing::info!(agent = agent.as_str(), rule, "question routed");
                let sent = self.clone().see_through(publication, topic(agent), student_id, routed);
                self.tasks.spawn(Context::current().scope(sent));
                Outcome::Done
            }
            Err(error) if error.is_transient() => Outcome::Retry,
            Err(error) => {
                tracing::error!(%error, "question cannot be routed");
                Outcome::Drop
            }
        }
    }

    async fn see_through(
        self,
        publication: Publication,
        topic: &'static str,
        student_id: String,
        routed: QuestionRouted,
    ) {
        let Err(error) = publication.done().await else { return };
        tracing::warn!(%error, topic, "question not routed yet");
        if error.is_transient()
            && persistently(|| self.sidecar.publish(topics::PUBSUB, topic, &student_id, &routed)).await.is_ok()
        {
            return;
        }
        tracing::error!(topic, "question not routed: it will be published again");
    }

    /// Waits for the questions that are on their way.
    pub async fn drain(self) {
        self.tasks.close();
        if timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(questions = self.tasks.len(), "stopped before all questions were routed");
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
