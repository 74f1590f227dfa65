//! The table of events: rows that arrive while a statement is under way go out together with the next one.

use std::collections::HashSet;

use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    commit::{Commit, Group, WriteError},
    database::{Database, DatabaseError, Statement},
    record::tables::column,
};

/// What comes about somebody who was erased, or is being, is not stored.
const INSERT: Statement = Statement {
    name: "events.insert",
    sql: "INSERT INTO events (id, student_id, kind, source, occurred_at, correlation_id, detail)
          SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::jsonb[])
                   AS e (id, student_id, kind, source, occurred_at, correlation_id, detail)
          WHERE NOT EXISTS (SELECT FROM erasures x WHERE x.user_id = e.student_id)
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

/// Stores events. Cheap to clone; all clones share one statement at a time.
#[derive(Clone)]
pub struct EventStore {
    group: Group<Events>,
}

impl EventStore {
    /// Starts the task that writes.
    pub fn start(database: Database) -> Self {
        Self { group: Group::start(Events { database }) }
    }

    /// Stores an event and returns when it is committed. While the database is away this waits, without limit: give up
    /// by dropping the future. The event may then be stored or not; storing it again is harmless.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when the table takes no such row.
    pub async fn store(&self, row: EventRow) -> Result<Stored, WriteError> {
        self.group.join(row).await
    }
}

struct Events {
    database: Database,
}

impl Commit for Events {
    type Item = EventRow;
    type Done = Stored;
    const ITEMS: &'static str = "events";
    const LIMIT: usize = 256;

    async fn commit(&mut self, rows: &[EventRow]) -> Result<Vec<Stored>, DatabaseError> {
        metrics::counter!("events_batches_total").increment(1);
        let mut new = insert(&self.database, rows).await?;
        // Of an event that comes twice in one group, the first is the new one.
        Ok(rows.iter().map(|row| if new.remove(&row.id) { Stored::New } else { Stored::Duplicate }).collect())
    }
}

/// Inserts the rows that are not there yet and returns their ids.
async fn insert(database: &Database, rows: &[EventRow]) -> Result<HashSet<Uuid>, DatabaseError> {
    let rows = database
        .query(
            &INSERT,
            &[
                &column(rows, |row| row.id),
                &column(rows, |row| row.student_id),
                &column(rows, |row| row.kind.as_str()),
                &column(rows, |row| row.source.as_str()),
                &column(rows, |row| row.occurred_at),
                &column(rows, |row| row.correlation_id.as_str()),
                &column(rows, |row| &row.detail),
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
