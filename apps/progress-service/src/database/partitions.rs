//! Partitions of the events: made ahead of their month, dropped when their time is over.

use std::time::Duration;

use deadpool_postgres::Transaction;
use time::{Date, Month, OffsetDateTime};

use super::{Database, DatabaseError, Statement, query_in};

/// The key of the advisory lock: "events" as bytes. Of several replicas one looks after the partitions.
const LOCK: i64 = 0x6576_656e_7473;
/// Months made ahead, beside the present one.
const AHEAD: u32 = 3;
/// How often it is done, and how soon again when it could not be.
const EVERY: Duration = Duration::from_hours(1);
const AGAIN: Duration = Duration::from_mins(1);

const TRY_LOCK: Statement = Statement { name: "partitions.lock", sql: "SELECT pg_try_advisory_xact_lock($1)" };
const LIST: Statement = Statement {
    name: "partitions.list",
    sql: "SELECT c.relname::text AS name, substring(pg_get_expr(c.relpartbound, c.oid) FROM $$TO \\('([0-9a-f-]{36})'\\)$$)::uuid AS until
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
          WHERE i.inhparent = 'events'::regclass AND pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT'",
};
const EXPIRED: Statement = Statement {
    name: "partitions.expired",
    sql: "DELETE FROM events_default WHERE id IN
          (SELECT id FROM events_default WHERE stored_at < $1 LIMIT 10000)",
};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Partitions made.
    pub made: Vec<String>,
    /// Partitions dropped, with all events in them.
    pub dropped: Vec<String>,
}

/// Makes and drops partitions as time goes by. Never returns.
pub async fn run(database: &Database, months: u32) {
    loop {
        let pause = match keep(database, months, OffsetDateTime::now_utc()).await {
            Ok(_) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "the partitions of the events were not looked after");
                AGAIN
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// Makes the partitions of this month and the next ones, and drops those that ended more than `months` whole months ago
/// (0: none). Events without a month go by when they were stored.
///
/// # Errors
/// [`DatabaseError`] when something else held a lock for too long, or the database is away: nothing was done then.
pub async fn keep(database: &Database, months: u32, now: OffsetDateTime) -> Result<Kept, DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    // Events must not wait for this; it waits for a moment without them.
    transaction.batch_execute("SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'").await?;
    let mut kept = Kept::default();
    let locked = query_in(&transaction, &TRY_LOCK, &[&LOCK]).await?;
    if !locked.first().is_some_and(|row| row.get::<_, bool>(0)) {
        return Ok(kept);
    }
    let rows = query_in(&transaction, &LIST, &[]).await?;
    let existing: Vec<(String, uuid::Uuid)> =
        rows.iter().filter_map(|row| Some((row.get("name"), row.get::<_, Option<uuid::Uuid>>("until")?))).collect();
    let last = existing.iter().map(|(_, until)| *until).max().unwrap_or_default();
    let this = first_of_month(now.date());
    for ahead in 0..=AHEAD {
        let month = add_months(this, ahead);
        let name = format!("events_{:04}_{:02}", month.year(), u8::from(month.month()));
        // The partition of what came before the first month ends with a month.
        if id_at(add_months(month, 1)) > last {
            make(&transaction, &name, month).await?;
            kept.made.push(name);
        }
    }
    if months > 0 {
        let oldest = (0..months).fold(this, |month, _| first_of_month(month.previous_day().unwrap_or(month)));
        for (name, until) in existing.into_iter().filter(|(_, until)| *until <= id_at(oldest)) {
            // The name is the catalogue's own.
            transaction
                .batch_execute(&format!("ALTER TABLE events DETACH PARTITION \"{name}\"; DROP TABLE \"{name}\""))
                .await?;
            tracing::info!(partition = name, %until, "events dropped: their time is over");
            kept.dropped.push(name);
        }
        query_in(&transaction, &EXPIRED, &[&oldest.midnight().assume_utc()]).await?;
    }
    transaction.commit().await?;
    Ok(kept)
}

/// Makes a partition of its own and attaches it: reading and writing events goes on meanwhile. What the default partition
/// has of the month moves.
async fn make(transaction: &Transaction<'_>, name: &str, month: Date) -> Result<(), DatabaseError> {
    let (from, to) = (id_at(month), id_at(add_months(month, 1)));
    transaction
        .batch_execute(&format!(
            "CREATE TABLE {name} (LIKE events INCLUDING ALL);
             COMMENT ON TABLE {name} IS 'Events published in {month}.';
             WITH moved AS (DELETE FROM events_default WHERE id >= '{from}' AND id < '{to}' RETURNING *)
             INSERT INTO {name} SELECT * FROM moved;
             ALTER TABLE events ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')",
            month = month.to_string().get(..7).unwrap_or_default(),
        ))
        .await?;
    tracing::info!(partition = name, "partition made");
    Ok(())
}

/// The smallest id of an event published on this day or later: the SQL function `event_id_at`.
fn id_at(day: Date) -> uuid::Uuid {
    let milliseconds = day.midnight().assume_utc().unix_timestamp() * 1_000;
    uuid::Uuid::from_u128(u128::try_from(milliseconds).unwrap_or_default() << 80)
}

fn first_of_month(day: Date) -> Date {
    day.replace_day(1).unwrap_or(day)
}

fn add_months(first: Date, count: u32) -> Date {
    (0..count).fold(first, |day, _| {
        let (year, month) = (day.year() + i32::from(day.month() == Month::December), day.month().next());
        Date::from_calendar_date(year, month, 1).unwrap_or(day)
    })
}
