//! Group commit: rows that arrive while a statement is under way go out together with the next one.

use std::{collections::HashSet, time::Duration};

use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::database::{Database, DatabaseError, Statement};

/// Events waiting behind the statement under way; more callers wait for room.
const QUEUE: usize = 1_024;
/// Most rows of one statement.
const BATCH: usize = 256;
/// Pauses while the database is away: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

const INSERT: Statement = Statement {
    name: "events.insert",
    sql: "INSERT INTO events (id, student_id, kind, source, occurred_at, correlation_id, detail)
          SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::jsonb[])
          ON CONFLICT (id) DO NOTHING RETURNING id",
};

/// A row of the table `events`.
#[derive(Clone, Debug)]
pub struct EventRow {
    /// The event's id: stored once, however often it comes.
    pub id: Uuid,
    /// Whom it is about.
    pub student_id: Uuid,
    /// What happened.
    pub kind: String,
    /// The app that said so.
    pub source: String,
    /// When it happened.
    pub occurred_at: OffsetDateTime,
    /// The request it belongs to.
    pub correlation_id: String,
    /// A JSON object.
    pub detail: Value,
}

/// What became of a row that could be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is new.
    New,
    /// It was there already.
    Duplicate,
}

/// Why a row was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The table takes no such row; it never will.
    #[error(transparent)]
    Unstorable(DatabaseError),
    /// The process is shutting down.
    #[error("the service is shutting down")]
    Stopped,
}

struct Pending {
    row: EventRow,
    done: oneshot::Sender<Result<Stored, StoreError>>,
}

/// Stores events. Cheap to clone; all clones share one statement at a time.
#[derive(Clone)]
pub struct EventStore {
    queue: mpsc::Sender<Pending>,
}

impl EventStore {
    /// Starts the task that writes.
    pub fn start(database: Database) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(database, waiting));
        Self { queue }
    }

    /// Stores an event and returns when it is committed. While the database is away this waits, without limit: give up
    /// by dropping the future. The event may then be stored or not; storing it again is harmless.
    ///
    /// # Errors
    /// [`StoreError::Unstorable`] when the table refuses the row's values.
    pub async fn store(&self, row: EventRow) -> Result<Stored, StoreError> {
        let (done, result) = oneshot::channel();
        self.queue.send(Pending { row, done }).await.map_err(|_| StoreError::Stopped)?;
        result.await.map_err(|_| StoreError::Stopped)?
    }
}

async fn run(database: Database, mut waiting: mpsc::Receiver<Pending>) {
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        metrics::counter!("events_batches_total").increment(1);
        commit(&database, std::mem::take(&mut batch)).await;
    }
}

/// Stores a batch and tells each caller. One bad row makes its batch go row by row; a database that is away makes it
/// wait.
async fn commit(database: &Database, batch: Vec<Pending>) {
    let mut work = vec![batch];
    let mut pause = FIRST_PAUSE;
    while let Some(mut batch) = work.pop() {
        let error = match insert(database, &batch).await {
            Ok(mut new) => {
                for Pending { row, done } in batch {
                    let stored = if new.remove(&row.id) { Stored::New } else { Stored::Duplicate };
                    // A caller that is gone gets the event again, and finds it stored.
                    let _ = done.send(Ok(stored));
                }
                pause = FIRST_PAUSE;
                continue;
            }
            Err(error) => error,
        };
        if !error.is_bad_data() {
            batch.retain(|pending| !pending.done.is_closed());
            if !batch.is_empty() {
                tracing::warn!(events = batch.len(), %error, "events wait for the database");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
                work.push(batch);
            }
        } else if batch.len() > 1 {
            work.extend(batch.into_iter().rev().map(|pending| vec![pending]));
        } else if let Some(Pending { done, .. }) = batch.pop() {
            let _ = done.send(Err(StoreError::Unstorable(error)));
        }
    }
}

/// Inserts the rows that are not there yet and returns their ids.
async fn insert(database: &Database, batch: &[Pending]) -> Result<HashSet<Uuid>, DatabaseError> {
    fn column<'a, T: 'a>(batch: &'a [Pending], field: impl Fn(&'a EventRow) -> T) -> Vec<T> {
        batch.iter().map(|pending| field(&pending.row)).collect()
    }
    let rows = database
        .query(
            &INSERT,
            &[
                &column(batch, |row| row.id),
                &column(batch, |row| row.student_id),
                &column(batch, |row| row.kind.as_str()),
                &column(batch, |row| row.source.as_str()),
                &column(batch, |row| row.occurred_at),
                &column(batch, |row| row.correlation_id.as_str()),
                &column(batch, |row| &row.detail),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
