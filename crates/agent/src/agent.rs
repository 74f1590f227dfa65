use std::{collections::HashMap, sync::Arc, time::Duration};

use learnflow_proto::{
    Kind, Struct, Value,
    events::{AnswerReady, LearningEvent, QuestionRouted, answer_ready},
    now, topics,
    v1::{Answer, Problem, Question},
};
use learnflow_requests::{Finish, Outcome as Ending, Requests};
use learnflow_service::{ConfigError, env};
use learnflow_sidecar::{Context, Event, Outcome, Result, Sidecar, persistently};
use tokio::time::{interval_at, sleep, timeout};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::queue::Queue;

/// Work that takes longer than this shows its sign of life in the request record.
const LEASE_AFTER: Duration = Duration::from_millis(200);
/// How long a lease holds; it is renewed three times as often.
const LEASE: Duration = Duration::from_secs(6);
/// How long an event may wait for room before Dapr is asked to deliver it again.
const PATIENCE: Duration = Duration::from_secs(5);

/// How an agent answers a question: its own work.
#[tonic::async_trait]
pub trait Answering: Send + Sync + 'static {
    /// Answers, or says why there can be no answer.
    async fn answer(&self, question: &Question) -> std::result::Result<Answer, Problem>;
}

/// How much an agent takes on.
pub struct AgentConfig {
    /// `AGENT_QUEUE`: questions accepted and not yet answered, 1024 unless set.
    pub queue: usize,
    /// `AGENT_CONCURRENCY`: questions worked at a time, 64 unless set.
    pub concurrency: usize,
}

impl AgentConfig {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable.
    pub fn from_env() -> std::result::Result<Self, ConfigError> {
        Ok(Self { queue: env::or("AGENT_QUEUE", 1_024)?, concurrency: env::or("AGENT_CONCURRENCY", 64)? })
    }
}

/// An agent at work.
pub struct Agent {
    worker: Arc<Worker>,
    topic: &'static str,
    queue: Queue<(QuestionRouted, Context)>,
}

struct Worker {
    sidecar: Sidecar,
    requests: Requests,
    notes: TaskTracker,
    holder: String,
    answering: Box<dyn Answering>,
}

impl Agent {
    /// An agent for the questions of `topic`.
    pub fn new(sidecar: Sidecar, topic: &'static str, answering: impl Answering, config: &AgentConfig) -> Arc<Self> {
        let worker = Arc::new(Worker {
            requests: Requests::new(sidecar.clone()),
            holder: format!("{}/{}", sidecar.app_id(), Uuid::new_v4()),
            sidecar,
            notes: TaskTracker::new(),
            answering: Box::new(answering),
        });
        let at_work = worker.clone();
        let queue =
            Queue::new(config.queue, config.concurrency, move |(routed, context): (QuestionRouted, Context)| {
                let worker = at_work.clone();
                context.scope(async move { worker.work(routed).await })
            });
        Arc::new(Self { worker, topic, queue })
    }

    /// Handles an event: accepts its question, or asks for it again when there is no room.
    pub async fn accept(&self, event: Event<QuestionRouted>) -> Outcome {
        let Some(question) = &event.data.question else {
            tracing::warn!(event_id = event.id, "event without a question dropped");
            return Outcome::Drop;
        };
        let student = question.student_id.clone();
        match self.queue.push(student, (event.data, Context::current()), PATIENCE).await {
            Ok(()) => Outcome::Done,
            Err(_) => Outcome::Retry,
        }
    }

    /// Finishes what is under way and publishes back what was not begun, for another replica.
    pub async fn drain(&self) {
        let unfinished = self.queue.close(Duration::from_secs(10)).await;
        let count = unfinished.len();
        self.worker.notes.close();
        for (routed, context) in unfinished {
            let student = routed.question.as_ref().map(|question| question.student_id.clone()).unwrap_or_default();
            let publication = self.worker.sidecar.publish(topics::PUBSUB, self.topic, &student, &routed);
            if let Err(error) = context.scope(publication).await {
                // Its record shows no sign of life: whoever waits for it publishes it again.
                tracing::warn!(%error, "an unfinished question could not be handed back");
            }
        }
        if timeout(Duration::from_secs(2), self.worker.notes.wait()).await.is_err() {
            tracing::warn!(notes = self.worker.notes.len(), "some questions are not audited");
        }
        tracing::info!(questions = count, "handed back what was not begun");
    }
}

impl Worker {
    async fn work(&self, routed: QuestionRouted) {
        let Some(question) = routed.question else { return };
        let context = Context::current();
        let finish = match self.answer(&question).await {
            Ok(Some(finish)) => finish,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, correlation_id = context.correlation_id, trace_id = context.trace.trace_id(),
                    "question left unanswered: it will be published again");
                return;
            }
        };
        // Whoever finished a question also noted it in the audit stream.
        let is_new = matches!(finish, Finish::New(_));
        let ending = finish.into_outcome();
        tracing::info!(
            correlation_id = context.correlation_id,
            trace_id = context.trace.trace_id(),
            answered = matches!(ending, Ending::Answered(_)),
            is_new,
            "question done"
        );
        let (event, note) = announce(&question, ending);
        if is_new {
            self.note(note);
        }
        let answer = self.sidecar.publish(topics::ANSWERS, topics::LEARNING_RESPONSES, &question.student_id, &event);
        if let Err(error) = answer.await {
            // The answer is in the request record, where those who wait for it look too.
            tracing::warn!(%error, correlation_id = context.correlation_id, "answered, but not published");
        }
    }

    /// Puts an event into the audit stream, beside the work: the student's next question need not wait for it.
    fn note(&self, note: LearningEvent) {
        let (sidecar, context) = (self.sidecar.unhurried(), Context::current());
        let correlation_id = context.correlation_id.clone();
        self.notes.spawn(context.scope(async move {
            let publish = || sidecar.publish(topics::PUBSUB, topics::LEARNING_EVENTS, &note.student_id, &note);
            if let Err(error) = persistently(publish).await {
                tracing::warn!(%error, correlation_id, "question not audited");
            }
        }));
    }

    /// How the question ended, by this worker or an earlier one; nothing when another works on it now.
    async fn answer(&self, question: &Question) -> Result<Option<Finish>> {
        let work = self.answering.answer(question);
        let mut work = std::pin::pin!(work);
        let result = tokio::select! {
            result = &mut work => result,
            () = sleep(LEASE_AFTER) => {
                if !self.requests.lease(question, &self.holder, LEASE).await? {
                    return Ok(None);
                }
                self.renewing_lease(question, work).await
            }
        };
        let outcome = ending(result);
        persistently(|| self.requests.finish(question, outcome.clone())).await.map(Some)
    }

    async fn renewing_lease<F: Future>(&self, question: &Question, mut work: std::pin::Pin<&mut F>) -> F::Output {
        let mut renewal = interval_at(tokio::time::Instant::now() + LEASE / 3, LEASE / 3);
        loop {
            tokio::select! {
                result = &mut work => return result,
                _ = renewal.tick() => {
                    // A missed renewal costs at most a second answer, which loses the race to be written.
                    if let Err(error) = self.requests.lease(question, &self.holder, LEASE).await {
                        tracing::warn!(%error, "lease not renewed");
                    }
                }
            }
        }
    }
}

fn ending(result: std::result::Result<Answer, Problem>) -> Ending {
    match result {
        Ok(answer) => Ending::Answered(Box::new(answer)),
        Err(problem) => Ending::Failed(problem),
    }
}

fn announce(question: &Question, ending: Ending) -> (AnswerReady, LearningEvent) {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let mut detail = HashMap::from([("request_id".to_owned(), text(&question.request_id))]);
    if let Some(asked_at) = question.asked_at.as_ref().and_then(|time| serde_json::to_value(time).ok()) {
        detail.insert("asked_at".to_owned(), text(asked_at.as_str().unwrap_or_default()));
    }
    let (kind, outcome) = match ending {
        Ending::Answered(answer) => {
            for (name, value) in [
                ("agent", &answer.agent),
                ("source", &answer.source),
                ("topic", &answer.topic),
                ("level", &answer.level),
            ] {
                detail.insert(name.to_owned(), text(value));
            }
            ("question.answered", answer_ready::Outcome::Answer(*answer))
        }
        Ending::Failed(problem) => {
            detail.insert("problem".to_owned(), text(&problem.title));
            ("question.failed", answer_ready::Outcome::Problem(problem))
        }
    };
    let (request_id, student_id) = (question.request_id.clone(), question.student_id.clone());
    let event = LearningEvent {
        student_id: student_id.clone(),
        kind: kind.to_owned(),
        occurred_at: Some(now()),
        detail: Some(Struct { fields: detail }),
    };
    (AnswerReady { request_id, student_id, outcome: Some(outcome), channel: question.channel.clone() }, event)
}
