//! The audit stream: what comes in by `learning.events`.

use std::str::FromStr as _;

use learnflow_proto::{Struct, Timestamp, events::LearningEvent};
use learnflow_sidecar::{Context, Event, Outcome, until_stopped};
use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    batch::{EventRow, EventStore, Stored},
    commit::WriteError,
};

/// Handles the events of the stream.
#[derive(Clone)]
pub struct EventHandler {
    store: EventStore,
    stopping: CancellationToken,
}

impl EventHandler {
    /// Stores events until some time after `stopping` is cancelled.
    pub fn new(store: EventStore, stopping: CancellationToken) -> Self {
        Self { store, stopping }
    }

    /// Stores an event; acknowledged when it is committed. While the database is away it waits, and the events behind it
    /// wait in Kafka.
    pub async fn handle(self, event: Event<LearningEvent>) -> Outcome {
        let event_id = event.id.clone();
        let row = match row(event, Context::current().correlation_id) {
            Ok(row) => row,
            Err(reason) => {
                tracing::warn!(event_id, reason, "malformed event dropped");
                return Outcome::Drop;
            }
        };
        until_stopped(&self.stopping, async { outcome(&event_id, self.store.store(row).await) }).await
    }
}

fn outcome(event_id: &str, stored: Result<Stored, WriteError>) -> Outcome {
    match stored {
        Ok(stored) => {
            let result = if stored == Stored::New { "new" } else { "duplicate" };
            metrics::counter!("events_stored_total", "result" => result).increment(1);
            Outcome::Done
        }
        Err(WriteError::Refused(error)) => {
            tracing::warn!(event_id, %error, "event cannot be stored and is dropped");
            Outcome::Drop
        }
        Err(WriteError::Stopped) => Outcome::Retry,
    }
}

/// The row of an event, or what is wrong with the event.
fn row(event: Event<LearningEvent>, correlation_id: String) -> Result<EventRow, String> {
    let LearningEvent { student_id, kind, occurred_at, detail } = event.data;
    let id = Uuid::from_str(&event.id).map_err(|_| "its id is not a UUID".to_owned())?;
    let student_id = Uuid::from_str(&student_id).map_err(|_| format!("student_id {student_id:?} is not a user id"))?;
    if kind.is_empty() {
        return Err("it has no kind".to_owned());
    }
    let occurred_at = match occurred_at {
        Some(at) => moment(&at)?,
        None => OffsetDateTime::parse(&event.time, &Rfc3339)
            .map_err(|_| "neither occurred_at nor the envelope says when it happened".to_owned())?,
    };
    let detail = json(detail.unwrap_or_default())?;
    Ok(EventRow { id, student_id, kind, source: event.source, occurred_at, correlation_id, detail })
}

/// A moment of an event, or what is wrong with it.
pub(crate) fn moment(at: &Timestamp) -> Result<OffsetDateTime, String> {
    let nanos = i128::from(at.seconds) * 1_000_000_000 + i128::from(at.nanos);
    // Years that PostgreSQL and RFC 3339 both know.
    OffsetDateTime::from_unix_timestamp_nanos(nanos)
        .ok()
        .filter(|at| (1..=9999).contains(&at.year()))
        .ok_or_else(|| "occurred_at is out of range".to_owned())
}

fn json(detail: Struct) -> Result<Value, String> {
    serde_json::to_value(detail).map_err(|error| format!("its detail is not JSON: {error}"))
}
