use std::{future::Future, time::Duration};

use learnflow_sidecar::{Concurrency, Error, Result, Sidecar};
use serde::{Deserialize, Serialize};

use crate::message::Message;

/// How long a message can be sent again.
const KEPT: Duration = Duration::from_hours(24);
/// How long the last number is known; longer than any message.
const LAST_KEPT: Duration = Duration::from_hours(72);

/// A message as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Milliseconds since 1970, UTC.
    pub at: i64,
    /// What is sent.
    pub message: Message,
}

/// What became of an entry.
pub enum Written {
    /// The number is its.
    New,
    /// The number is another's.
    Taken(Entry),
}

/// Where streams are kept.
pub trait Store: Clone + Send + Sync + 'static {
    /// Reads the message of a number.
    fn read(&self, student: &str, sequence: u64) -> impl Future<Output = Result<Option<Entry>>> + Send;
    /// Writes the message of a number if it has none.
    fn write(&self, student: &str, sequence: u64, entry: &Entry) -> impl Future<Output = Result<Written>> + Send;
    /// A number at or before the last, 0 for a stream that is not known.
    fn last(&self, student: &str) -> impl Future<Output = Result<u64>> + Send;
    /// Notes the last number.
    fn note_last(&self, student: &str, sequence: u64) -> impl Future<Output = Result<()>> + Send;
}

/// In Dapr state.
#[derive(Clone)]
pub struct DaprStore(pub Sidecar);

impl Store for DaprStore {
    async fn read(&self, student: &str, sequence: u64) -> Result<Option<Entry>> {
        Ok(self.0.get(&key(student, sequence)).await?.map(|entry| entry.value))
    }

    async fn write(&self, student: &str, sequence: u64, entry: &Entry) -> Result<Written> {
        let key = key(student, sequence);
        match self.0.set_grouped(&key, entry, Some(KEPT), Concurrency::Absent).await {
            Ok(()) => Ok(Written::New),
            Err(Error::Conflict { key }) => match self.read(student, sequence).await? {
                // A group's conflict may be another write's: then this one was made.
                Some(found) if found == *entry => Ok(Written::New),
                Some(found) => Ok(Written::Taken(found)),
                None => Err(Error::Conflict { key }),
            },
            Err(error) => Err(error),
        }
    }

    async fn last(&self, student: &str) -> Result<u64> {
        Ok(self.0.get(&last_key(student)).await?.map_or(0, |entry| entry.value))
    }

    async fn note_last(&self, student: &str, sequence: u64) -> Result<()> {
        self.0.set_grouped(&last_key(student), &sequence, Some(LAST_KEPT), Concurrency::LastWrite).await
    }
}

fn key(student: &str, sequence: u64) -> String {
    format!("{}:{sequence}", last_key(student))
}

fn last_key(student: &str) -> String {
    format!("student:{student}:stream")
}
