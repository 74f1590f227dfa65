use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use learnflow_proto::{
    Kind, Struct, Value,
    events::{LearningEvent, QuestionAsked},
    now, topics,
    v1::{AskRequest, Problem, Question},
};
use learnflow_requests::{Creation, Outcome, Record};
use learnflow_service::{DOMAIN, KEY_REUSED, Violations};
use learnflow_sidecar::{Context, Entry, Error, persistently};
use tokio::time::{Instant, interval_at, sleep_until};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use crate::{
    Questions,
    hub::{Notice, Watch},
    stream::{Events, Position},
};

/// What a level may be.
const LEVELS: &[&str] = &["beginner", "learning", "proficient", "mastered"];
/// How often the record of an awaited question is read: the broadcast of answers is not durable.
const LOOK: Duration = Duration::from_secs(1);
/// How often a question is published before it counts as one that cannot be answered.
const ATTEMPTS: u32 = 8;

/// A question on its way, and how it ended if it has.
pub struct Asked {
    /// Names the question from here on.
    pub request_id: String,
    /// `None` while it is on its way.
    pub outcome: Option<Outcome>,
}

/// A question that was accepted, and the watch on what is said of it since.
struct Accepted {
    context: Context,
    student_id: String,
    request_id: String,
    outcome: Option<Outcome>,
    watch: Watch,
}

impl Questions {
    /// Asks a question of the caller and waits for its end. The same idempotency key names the same question.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` names the fields that are wrong; `FAILED_PRECONDITION` with the reason
    /// [`KEY_REUSED`] when the key came with another question before.
    pub async fn ask(&self, request: AskRequest, wait: Duration) -> Result<Asked, Status> {
        let deadline = Instant::now() + wait;
        let Accepted { context, student_id, request_id, outcome, watch } = self.accept(request).await?;
        let outcome = match outcome {
            Some(outcome) => Some(outcome),
            None => context.scope(self.wait(watch, &student_id, &request_id, deadline)).await?,
        };
        Ok(Asked { request_id, outcome })
    }

    /// Asks a question of the caller and follows it: its id and its events.
    ///
    /// # Errors
    /// As [`Questions::ask`].
    pub async fn ask_and_follow(&self, request: AskRequest) -> Result<(String, Events), Status> {
        let Accepted { context, student_id, request_id, outcome, watch } = self.accept(request).await?;
        let events = self.events(context, Position::default(), watch, student_id, request_id.clone(), outcome);
        Ok((request_id, events))
    }

    /// Records and publishes a question, or finds it recorded under the same idempotency key.
    async fn accept(&self, request: AskRequest) -> Result<Accepted, Status> {
        check(&request)?;
        let mut context = Context::current();
        let student_id = context.caller()?.id.clone();
        let fingerprint = fingerprint(&request);
        let request_id = request_id(&student_id, request.idempotency_key.as_deref());
        context.correlation_id.clone_from(&request_id);

        let question = Question {
            request_id: request_id.clone(),
            student_id: student_id.clone(),
            text: request.text,
            topic: request.topic,
            level: request.level.unwrap_or_default(),
            code: request.code,
            error: request.error,
            asked_at: Some(now()),
            channel: self.inner.channel.to_owned(),
        };
        let watch = self.inner.hub.watch(&request_id);
        let accepted = async {
            let publication = self.publish(&question);
            let creation = if request.idempotency_key.is_some() {
                let creation = self.inner.requests.create(question.clone(), fingerprint, true).await?;
                if matches!(creation, Creation::New(_)) {
                    publication.await?;
                }
                creation
            } else {
                // Nobody asked this before, so its record and its event need not wait for each other. If only one of the
                // two can be written, the question is not accepted, and nobody waits for an answer.
                let record = self.inner.requests.create(question.clone(), fingerprint, false);
                tokio::try_join!(record, publication)?.0
            };
            match creation {
                Creation::New(record) => {
                    tracing::info!(correlation_id = record.question.request_id, "question accepted");
                    Ok(None)
                }
                Creation::Existing(record) if record.fingerprint != fingerprint => Err(key_reused()),
                Creation::Existing(record) => Ok(record.outcome),
            }
        };
        let outcome = context.clone().scope(accepted).await?;
        Ok(Accepted { context, student_id, request_id, outcome, watch })
    }

    async fn publish(&self, question: &Question) -> Result<(), Error> {
        let event = QuestionAsked { question: Some(question.clone()) };
        self.inner.sidecar.publish(topics::PUBSUB, topics::LEARNING_REQUESTS, &question.student_id, &event).await
    }

    /// Puts a question that no agent could answer into the audit stream; agents do so with those they answered.
    async fn note_failed(&self, question: &Question) {
        let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
        let fields = HashMap::from([("request_id".to_owned(), text(&question.request_id))]);
        let event = LearningEvent {
            student_id: question.student_id.clone(),
            kind: "question.failed".to_owned(),
            occurred_at: Some(now()),
            detail: Some(Struct { fields }),
        };
        let publish =
            || self.inner.sidecar.publish(topics::PUBSUB, topics::LEARNING_EVENTS, &question.student_id, &event);
        if let Err(error) = persistently(publish).await {
            tracing::warn!(%error, correlation_id = question.request_id, "failed question not audited");
        }
    }

    /// Waits for the end of a question until the deadline; nothing when it passes.
    async fn wait(
        &self,
        mut watch: Watch,
        student_id: &str,
        request_id: &str,
        deadline: Instant,
    ) -> Result<Option<Outcome>, Status> {
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        loop {
            tokio::select! {
                notice = watch.next() => {
                    if let Notice::End(outcome) = notice {
                        return Ok(Some(outcome));
                    }
                }
                _ = look.tick() => match self.look_up(student_id, request_id).await {
                    Ok(Some(Record { outcome: Some(outcome), .. })) => return Ok(Some(outcome)),
                    Ok(_) => {}
                    // The answer may still come by itself.
                    Err(error) => tracing::warn!(%error, "the record of an awaited question cannot be read"),
                },
                () = sleep_until(deadline) => return Ok(None),
                () = self.inner.stopping.cancelled() => return Ok(None),
            }
        }
    }

    /// Reads a question's record, and publishes the question again if it shows no sign of life.
    ///
    /// # Errors
    /// The sidecar's.
    pub async fn look_up(&self, student_id: &str, request_id: &str) -> Result<Option<Record>, Error> {
        let Some(entry) = self.inner.requests.get(student_id, request_id).await? else { return Ok(None) };
        let window = self.inner.republish_after * 2_u32.pow(entry.value.attempts.clamp(1, ATTEMPTS) - 1);
        let Entry { value: record, .. } = &entry;
        if record.outcome.is_some() || record.unanswered_for() < window || record.is_leased_by_other("") {
            return Ok(Some(entry.value));
        }
        if record.attempts >= ATTEMPTS {
            let problem = Problem {
                r#type: "about:blank".to_owned(),
                title: "Not answered".to_owned(),
                status: 500,
                detail: "the question could not be answered: ask it again in other words".to_owned(),
            };
            let mut record = record.clone();
            let question = record.question.clone();
            record.outcome =
                Some(self.inner.requests.finish(&question, Outcome::Failed(problem)).await?.into_outcome());
            self.note_failed(&question).await;
            return Ok(Some(record));
        }
        if self.inner.requests.note_publication(&entry).await? {
            tracing::info!(correlation_id = request_id, attempt = record.attempts + 1, "question published again");
            metrics::counter!("questions_republished_total").increment(1);
            self.publish(&record.question).await?;
        }
        Ok(Some(entry.value))
    }
}

fn check(request: &AskRequest) -> Result<(), Status> {
    let mut violations = Violations::default();
    violations.text(&request.text, "text", 8 * 1024);
    if let Some(level) = &request.level {
        violations.one_of(level, "level", LEVELS);
    }
    violations.text(request.topic.as_deref().unwrap_or("-"), "topic", 100);
    violations.size(request.code.as_deref().unwrap_or_default(), "code", 64 * 1024);
    violations.size(request.error.as_deref().unwrap_or_default(), "error", 16 * 1024);
    if let Some(key) = &request.idempotency_key {
        let visible = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        violations.check(visible, "idempotency_key", || "must be 1 to 255 visible ASCII characters".to_owned());
    }
    if let Some(seconds) = request.wait_seconds {
        violations.check(seconds <= 30, "wait_seconds", || "must be at most 30".to_owned());
    }
    violations.finish()
}

/// The id follows from the idempotency key, so that a retry finds the record without a second one to map keys to ids.
fn request_id(student_id: &str, idempotency_key: Option<&str>) -> String {
    match idempotency_key {
        Some(key) => Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("learnflow:{student_id}:{key}").as_bytes()),
        None => Uuid::now_v7(),
    }
    .to_string()
}

fn fingerprint(request: &AskRequest) -> u64 {
    // Stable for one version of the standard library; a wrong mismatch needs an upgrade within the key's day.
    let mut hasher = DefaultHasher::new();
    (&request.text, &request.topic, &request.level, &request.code, &request.error).hash(&mut hasher);
    hasher.finish()
}

fn key_reused() -> Status {
    let details = ErrorDetails::with_error_info(KEY_REUSED, DOMAIN, HashMap::new());
    let message = "this idempotency key came with another question before: use a new key for a new question";
    Status::with_error_details(Code::FailedPrecondition, message, details)
}
