//! The request record: what makes a question's answer certain although agents acknowledge its event before they have
//! answered it.
//!
//! A question is accepted when its record is written and its event is published. An agent that takes long holds a lease
//! in the record, writes the outcome beside it where none is yet, and only then publishes the answer. Whoever waits for
//! the answer reads the record when the broadcast of answers missed them, and publishes a question again that shows no
//! sign of life. So a question is answered once: of two agents that work on it, the second one's write fails and it takes
//! over the first answer.
//!
//! The outcome has a key of its own, so that an agent need not read the record before it writes: what is usual, a
//! question answered at once by the first that gets it, takes two writes and no read.

use std::time::Duration;

use learnflow_proto::v1::{Answer, Problem, Question};
use learnflow_sidecar::{Concurrency, Entry, Error, Etag, Result, Sidecar};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How long a record is kept: as long as a client may come back with its idempotency key.
const KEPT: Duration = Duration::from_hours(24);
/// How often a write is tried again when somebody else changed the record in between.
const WRITE_ATTEMPTS: usize = 8;

/// A question and where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The question as accepted.
    pub question: Question,
    /// A digest of what the client sent, to tell a retry from another question under the same key.
    pub fingerprint: u64,
    /// How often the question was published.
    pub attempts: u32,
    /// When it was last published: milliseconds since 1970, UTC.
    pub published_at: i64,
    /// Held by an agent that takes longer.
    pub lease: Option<Lease>,
    /// Set once, when the question is done with.
    #[serde(skip)]
    pub outcome: Option<Outcome>,
}

/// A sign of life of the agent that works on a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Lease {
    /// Unique per worker.
    pub holder: String,
    /// Milliseconds since 1970, UTC.
    pub until: i64,
}

/// How a question ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was answered.
    Answered(Box<Answer>),
    /// It cannot be answered; the problem says why.
    Failed(Problem),
}

/// What became of a question that was to be recorded.
pub enum Creation {
    /// It is new.
    New(Record),
    /// It was recorded before, under the same id.
    Existing(Record),
}

/// The outcome of a question that holds.
pub enum Finish {
    /// The one just given.
    New(Outcome),
    /// One that was there before.
    Earlier(Outcome),
}

impl Finish {
    /// The outcome, whoever gave it.
    pub fn into_outcome(self) -> Outcome {
        match self {
            Self::New(outcome) | Self::Earlier(outcome) => outcome,
        }
    }
}

impl Record {
    /// Milliseconds since the question was last published.
    pub fn unanswered_for(&self) -> Duration {
        Duration::from_millis(u64::try_from(now_ms() - self.published_at).unwrap_or_default())
    }

    /// Whether an agent other than `holder` shows that it works on the question.
    pub fn is_leased_by_other(&self, holder: &str) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.holder != holder && lease.until > now_ms())
    }
}

/// The records, in Dapr state.
#[derive(Clone)]
pub struct Requests {
    sidecar: Sidecar,
}

impl Requests {
    /// Records kept through the app's sidecar.
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    /// Records a question. `may_exist` says that the client chose the id (by its idempotency
    /// key), so that it may have been recorded before.
    ///
    /// # Errors
    /// The sidecar's, when the record could not be written.
    pub async fn create(&self, question: Question, fingerprint: u64, may_exist: bool) -> Result<Creation> {
        let key = key(&question.student_id, &question.request_id);
        let record = Record { question, fingerprint, attempts: 1, published_at: now_ms(), lease: None, outcome: None };
        let written = if may_exist {
            self.sidecar.set(&key, &record, Some(KEPT), Concurrency::Absent).await
        } else {
            self.sidecar.set_grouped(&key, &record, Some(KEPT), Concurrency::LastWrite).await
        };
        match written {
            Ok(()) => Ok(Creation::New(record)),
            Err(Error::Conflict { .. }) => {
                match self.get(&record.question.student_id, &record.question.request_id).await? {
                    Some(Entry { value, .. }) => Ok(Creation::Existing(value)),
                    None => Err(Error::Conflict { key }),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// Reads a student's record.
    ///
    /// # Errors
    /// The sidecar's.
    pub async fn get(&self, student_id: &str, request_id: &str) -> Result<Option<Entry<Record>>> {
        let (key, outcome_key) = (key(student_id, request_id), outcome_key(student_id, request_id));
        let (record, outcome) = tokio::try_join!(self.sidecar.get::<Record>(&key), self.sidecar.get(&outcome_key))?;
        Ok(record.map(|mut entry| {
            entry.value.outcome = outcome.map(|outcome| outcome.value);
            entry
        }))
    }

    /// Notes that the question is published again. False: somebody else was quicker, or it is done with.
    ///
    /// # Errors
    /// The sidecar's.
    pub async fn note_publication(&self, entry: &Entry<Record>) -> Result<bool> {
        if entry.value.outcome.is_some() {
            return Ok(false);
        }
        let attempts = entry.value.attempts + 1;
        let record = Record { attempts, published_at: now_ms(), ..entry.value.clone() };
        self.write(&record, &entry.etag).await
    }

    /// Takes or renews the lease on a question. False: it is done with, or somebody else holds it.
    ///
    /// # Errors
    /// The sidecar's.
    pub async fn lease(&self, question: &Question, holder: &str, length: Duration) -> Result<bool> {
        for _ in 0..WRITE_ATTEMPTS {
            let Some(Entry { value: mut record, etag }) = self.get(&question.student_id, &question.request_id).await?
            else {
                return Ok(true);
            };
            if record.outcome.is_some() || record.is_leased_by_other(holder) {
                return Ok(false);
            }
            let until = now_ms() + i64::try_from(length.as_millis()).unwrap_or(i64::MAX / 2);
            record.lease = Some(Lease { holder: holder.to_owned(), until });
            if self.write(&record, &etag).await? {
                return Ok(true);
            }
        }
        Err(Error::Conflict { key: key(&question.student_id, &question.request_id) })
    }

    /// Writes how a question ended, unless it has ended already.
    ///
    /// # Errors
    /// The sidecar's.
    pub async fn finish(&self, question: &Question, outcome: Outcome) -> Result<Finish> {
        let key = outcome_key(&question.student_id, &question.request_id);
        match self.sidecar.set_grouped(&key, &outcome, Some(KEPT), Concurrency::Absent).await {
            Ok(()) => Ok(Finish::New(outcome)),
            Err(Error::Conflict { key }) => match self.sidecar.get(&key).await? {
                // A group's conflict may be another write's: then this one was made.
                Some(Entry { value, .. }) if value == outcome => Ok(Finish::New(outcome)),
                Some(Entry { value, .. }) => Ok(Finish::Earlier(value)),
                None => Err(Error::Conflict { key }),
            },
            Err(error) => Err(error),
        }
    }

    async fn write(&self, record: &Record, etag: &Etag) -> Result<bool> {
        let key = key(&record.question.student_id, &record.question.request_id);
        match self.sidecar.set(&key, record, Some(KEPT), Concurrency::Match(etag)).await {
            Ok(()) => Ok(true),
            Err(Error::Conflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn key(student_id: &str, request_id: &str) -> String {
    format!("student:{student_id}:idempotency:{request_id}")
}

fn outcome_key(student_id: &str, request_id: &str) -> String {
    format!("{}:outcome", key(student_id, request_id))
}

fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
