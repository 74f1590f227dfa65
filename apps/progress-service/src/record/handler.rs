//! Facts as they are delivered.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use learnflow_curriculum::Curriculum;
use learnflow_mastery::{Fact, FactKind};
use learnflow_proto::events::{LearningEvent, ProgressRecorded};
use learnflow_sidecar::{Event, Outcome, until_stopped};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    fact::{self, StudentFact},
    writer::{Applied, WriteError, Writer},
};
use crate::{events::moment, facts::FactHandler};

/// The kind of a learning event that says that a student was there, and has no fact of its own.
const QUESTION_ANSWERED: &str = "question.answered";
/// Most students and quarters of hours remembered.
const MOST_SEEN: usize = 50_000;

/// Handles the facts of `progress.events`.
#[derive(Clone)]
pub struct RecordHandler {
    details: FactHandler,
    writer: Writer,
    topics: Arc<HashSet<String>>,
    /// Who was there when, lately: most students ask more than once in a quarter of an hour.
    seen: Arc<Mutex<HashSet<(Uuid, OffsetDateTime)>>>,
    stopping: CancellationToken,
}

impl RecordHandler {
    /// Records facts until some time after `stopping` is cancelled; `details` keeps what is told of them beside.
    pub fn new(details: FactHandler, writer: Writer, curriculum: &Curriculum, stopping: CancellationToken) -> Self {
        let topics = curriculum.topics().map(|topic| topic.id.clone()).collect();
        Self { details, writer, topics: Arc::new(topics), seen: Arc::default(), stopping }
    }

    /// Records a fact; acknowledged when the record that follows from it is committed. While the database is away it
    /// waits, and the facts behind it wait in Kafka.
    pub async fn handle(self, event: Event<ProgressRecorded>) -> Outcome {
        let event_id = event.id.clone();
        let fact = match fact::read(&event) {
            Ok(fact) => fact,
            Err(reason) => {
                tracing::warn!(event_id, reason, "malformed event dropped");
                return Outcome::Drop;
            }
        };
        if let Some(topic) = fact.fact.topic.as_ref().filter(|topic| !self.topics.contains(*topic)) {
            // It may be one of a newer release's curriculum.
            tracing::warn!(event_id, topic, "a fact on an unknown topic");
            return Outcome::Retry;
        }
        match self.details.clone().recorded(event).await {
            Outcome::Done => self.record(&event_id, fact).await,
            other => other,
        }
    }

    /// Takes from the audit stream that a student was there: asking counts for the streak as practising does. One fact
    /// for each quarter of an hour is enough, since every time zone's days begin at one.
    pub async fn noticed(self, event: Event<LearningEvent>) -> Outcome {
        let LearningEvent { student_id, kind, occurred_at, .. } = &event.data;
        let at = occurred_at.as_ref().and_then(|at| moment(at).ok()).map(quarter);
        let (Ok(student), Some(Some(at)), true) = (student_id.parse::<Uuid>(), at, kind == QUESTION_ANSWERED) else {
            return Outcome::Done;
        };
        if self.seen().contains(&(student, at)) {
            return Outcome::Done;
        }
        let id = Uuid::new_v5(&student, format!("active {}", at.unix_timestamp()).as_bytes());
        let kind = FactKind::Activity { exercise: None };
        let fact = StudentFact { student, fact: Fact { id, at, topic: None, kind }, source: event.source };
        let seen = self.seen.clone();
        let outcome = self.record(&event.id, fact).await;
        if outcome == Outcome::Done {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= MOST_SEEN {
                seen.clear();
            }
            seen.insert((student, at));
        }
        outcome
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<(Uuid, OffsetDateTime)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn record(self, event_id: &str, fact: StudentFact) -> Outcome {
        until_stopped(&self.stopping, async { outcome(event_id, self.writer.add(fact).await) }).await
    }
}

fn outcome(event_id: &str, applied: Result<Applied, WriteError>) -> Outcome {
    match applied {
        Ok(applied) => {
            let result = match applied {
                Applied::New => "new",
                Applied::Duplicate => "duplicate",
                Applied::Nobody => "nobody",
            };
            metrics::counter!("facts_total", "result" => result).increment(1);
            Outcome::Done
        }
        Err(WriteError::Refused(error)) => {
            tracing::warn!(event_id, %error, "fact not recorded");
            Outcome::Retry
        }
        Err(WriteError::Stopped) => Outcome::Retry,
    }
}

/// The beginning of the quarter of an hour.
fn quarter(at: OffsetDateTime) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(at.unix_timestamp().div_euclid(900) * 900).ok()
}
