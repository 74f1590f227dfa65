//! Events that must be published because something was committed: written with it, published by a relay.

use std::{collections::HashSet, sync::Arc, time::Duration};

use deadpool_postgres::GenericClient;
use futures::future::{join_all, try_join};
use learnflow_curriculum::Level;
use learnflow_proto::{
    events::{AssignmentGiven, LearningEvent, LevelReached, ProgressRecorded, StruggleDetected},
    topics::{LEARNING_EVENTS, NOTIFICATION_REQUESTS, PROGRESS_EVENTS, PUBSUB, STRUGGLE_DETECTED},
};
use learnflow_sidecar::{Context, EventData, Sidecar};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    derived::{AlertRow, TopicRow},
    tables::column,
};
use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    users::timestamp,
};

pub(super) const INSERT: Statement = Statement {
    name: "outbox.insert",
    sql: "INSERT INTO outbox (id, topic, partition_key, event_type, data, correlation_id, traceparent)
          SELECT o.id, $2, o.partition_key, $3, o.data, o.correlation_id, o.traceparent
          FROM unnest($1::uuid[], $4::text[], $5::jsonb[], $6::text[], $7::text[])
               AS o (id, partition_key, data, correlation_id, traceparent)",
};
// Which of these were told of, or wait to be.
const TOLD: Statement = Statement {
    name: "outbox.told",
    sql: "SELECT id FROM outbox WHERE id = ANY ($1)
          UNION ALL SELECT source_id FROM notifications WHERE source_id = ANY ($1)",
};
// Of several replicas each takes what no other has in hand.
const TAKE: Statement = Statement {
    name: "outbox.take",
    sql: "SELECT id, topic, partition_key, event_type, data, correlation_id, traceparent FROM outbox
          WHERE published_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED",
};
const PUBLISHED: Statement =
    Statement { name: "outbox.published", sql: "UPDATE outbox SET published_at = now() WHERE id = ANY ($1)" };
const FORGET: Statement = Statement {
    name: "outbox.forget",
    sql: "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
          WHERE published_at < now() - interval '7 days' ORDER BY published_at LIMIT 1000)",
};

/// Events taken at a time.
const BATCH: i64 = 100;
/// How often the relay looks although nobody has called it: another replica may have ended before it published.
const LOOK: Duration = Duration::from_secs(1);
/// Longest pause while the broker or the database is away.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How often events published long ago are removed.
const TIDY: Duration = Duration::from_hours(1);
/// How long an event may take to be published before the rows are given back.
const PATIENCE: Duration = Duration::from_secs(15);

/// Calls the relay.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    /// There is something to publish.
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

/// An alert that was raised.
pub(super) struct Raised<'a> {
    pub student: Uuid,
    pub id: Uuid,
    pub alert: &'a AlertRow,
    /// Of the event that made it so.
    pub context: &'a Context,
}

impl Raised<'_> {
    fn event(&self) -> StruggleDetected {
        StruggleDetected {
            alert_id: self.id.to_string(),
            student_id: self.student.to_string(),
            topic: self.alert.topic.clone().unwrap_or_default(),
            kind: self.alert.rule.as_str().to_owned(),
            message: self.alert.message(),
            detected_at: Some(timestamp(self.alert.opened_at)),
        }
    }
}

/// A topic whose mastery came to a higher level.
pub(super) struct Reached<'a> {
    pub student: Uuid,
    pub topic: &'a str,
    pub row: &'a TopicRow,
    pub at: OffsetDateTime,
    /// Of the event that made it so.
    pub context: &'a Context,
}

impl Reached<'_> {
    /// Always the same for the same student, topic and level.
    fn id(&self, level: &str) -> Uuid {
        Uuid::new_v5(&self.student, format!("level {} {level}", self.topic).as_bytes())
    }

    /// The ids of this level and those above it.
    fn covered(&self) -> impl Iterator<Item = Uuid> {
        Level::ALL
            .into_iter()
            .map(Level::as_str)
            .skip_while(|level| *level != self.row.level)
            .map(|level| self.id(level))
    }

    fn event(&self) -> LevelReached {
        LevelReached {
            student_id: self.student.to_string(),
            topic: self.topic.to_owned(),
            level: self.row.level.to_owned(),
            mastery: self.row.mastery,
            reached_at: Some(timestamp(self.at)),
        }
    }
}

/// Leaves out the levels that were told of, and those below one that was: mastery goes down too, and comes up again.
pub(super) async fn never_told<'a>(
    transaction: &impl GenericClient,
    mut reached: Vec<Reached<'a>>,
) -> Result<Vec<Reached<'a>>, DatabaseError> {
    let ids: Vec<Uuid> = reached.iter().flat_map(Reached::covered).collect();
    if !ids.is_empty() {
        let told = query_in(transaction, &TOLD, &[&ids]).await?;
        let told: HashSet<Uuid> = told.iter().map(|row| row.get("id")).collect();
        reached.retain(|reached| !reached.covered().any(|id| told.contains(&id)));
    }
    Ok(reached)
}

/// Writes the events of alerts that the same transaction raises, and of levels that are reached by it.
pub(super) async fn insert(
    transaction: &impl GenericClient,
    raised: &[Raised<'_>],
    reached: &[Reached<'_>],
) -> Result<(), DatabaseError> {
    let alerts =
        column(raised, |raised| Outgoing { key: raised.student, event: raised.event(), context: raised.context });
    let levels =
        column(reached, |reached| Outgoing { key: reached.student, event: reached.event(), context: reached.context });
    let ids = column(reached, |reached| reached.id(reached.row.level));
    // Sent together: a commit may be waiting behind them.
    try_join(put(transaction, STRUGGLE_DETECTED, &alerts), put_as(transaction, &ids, NOTIFICATION_REQUESTS, &levels))
        .await
        .map(drop)
}

/// An event to publish.
pub(crate) struct Outgoing<'a, E> {
    /// Whom it is about: the partition key.
    pub key: Uuid,
    /// Its data.
    pub event: E,
    /// Of what made it so.
    pub context: &'a Context,
}

/// Writes events to publish on a topic once the transaction is committed. A type that is new here must be added to
/// [`publish`] too.
pub(crate) async fn put<E: EventData>(
    transaction: &impl GenericClient,
    topic: &str,
    events: &[Outgoing<'_, E>],
) -> Result<(), DatabaseError> {
    put_as(transaction, &column(events, |_| Uuid::now_v7()), topic, events).await
}

/// The same, under these ids.
async fn put_as<E: EventData>(
    transaction: &impl GenericClient,
    ids: &[Uuid],
    topic: &str,
    events: &[Outgoing<'_, E>],
) -> Result<(), DatabaseError> {
    if events.is_empty() {
        return Ok(());
    }
    query_in(
        transaction,
        &INSERT,
        &[
            &ids,
            &topic,
            &E::full_name(),
            &column(events, |outgoing| outgoing.key.to_string()),
            &column(events, |outgoing| json!(outgoing.event)),
            &column(events, |outgoing| outgoing.context.correlation_id.clone()),
            &column(events, |outgoing| outgoing.context.trace.to_string()),
        ],
    )
    .await
    .map(drop)
}

/// Publishes what waits, as it comes; at least once each, always under the same event id. Never returns.
pub async fn relay(database: &Database, sidecar: &Sidecar, bell: &Bell) {
    let mut pause = LOOK;
    let mut tidied = tokio::time::Instant::now();
    loop {
        match publish_waiting(database, sidecar).await {
            Ok(0) => {
                pause = LOOK;
                if tidied.elapsed() >= TIDY {
                    tidied = tokio::time::Instant::now();
                    if let Err(error) = database.query(&FORGET, &[]).await {
                        tracing::debug!(%error, "published events not removed yet");
                    }
                }
                // Rung meanwhile, it returns at once.
                let _ = tokio::time::timeout(LOOK, bell.0.notified()).await;
            }
            Ok(_) => pause = LOOK,
            Err(error) => {
                tracing::warn!(%error, "events wait to be published");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// Why events were not published.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// They could not be read or marked.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The broker did not take one.
    #[error("{failed} of {taken} events not published: {reason}")]
    Broker {
        /// How many were tried.
        taken: usize,
        /// How many it did not take.
        failed: usize,
        /// Of one of them.
        reason: String,
    },
}

/// Publishes one batch of waiting events and says how many there were.
///
/// # Errors
/// [`RelayError`] when some are still waiting.
pub async fn publish_waiting(database: &Database, sidecar: &Sidecar) -> Result<usize, RelayError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await.map_err(DatabaseError::from)?;
    let rows = query_in(&transaction, &TAKE, &[&BATCH]).await?;
    if rows.is_empty() {
        return Ok(0);
    }
    let results = join_all(rows.iter().map(|row| publish(sidecar, row))).await;
    let published: Vec<Uuid> =
        rows.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(row, _)| row.get("id")).collect();
    query_in(&transaction, &PUBLISHED, &[&published]).await?;
    transaction.commit().await.map_err(DatabaseError::from)?;
    metrics::counter!("outbox_published_total").increment(published.len() as u64);
    let failed = rows.len() - published.len();
    match results.into_iter().find_map(Result::err) {
        None => Ok(rows.len()),
        Some(reason) => Err(RelayError::Broker { taken: rows.len(), failed, reason }),
    }
}

async fn publish(sidecar: &Sidecar, row: &Row) -> Result<(), String> {
    let (topic, kind): (&str, &str) = (row.get("topic"), row.get("event_type"));
    match topic {
        STRUGGLE_DETECTED if kind == full_name::<StruggleDetected>() => {
            publish_as::<StruggleDetected>(sidecar, STRUGGLE_DETECTED, row).await
        }
        // Earlier builds wrote them for the other topic.
        NOTIFICATION_REQUESTS | PROGRESS_EVENTS if kind == full_name::<AssignmentGiven>() => {
            publish_as::<AssignmentGiven>(sidecar, NOTIFICATION_REQUESTS, row).await
        }
        NOTIFICATION_REQUESTS if kind == full_name::<LevelReached>() => {
            publish_as::<LevelReached>(sidecar, NOTIFICATION_REQUESTS, row).await
        }
        PROGRESS_EVENTS if kind == full_name::<ProgressRecorded>() => {
            publish_as::<ProgressRecorded>(sidecar, PROGRESS_EVENTS, row).await
        }
        LEARNING_EVENTS if kind == full_name::<LearningEvent>() => {
            publish_as::<LearningEvent>(sidecar, LEARNING_EVENTS, row).await
        }
        _ => Err(format!("this build does not publish {kind:?} to {topic:?}")),
    }
}

fn full_name<E: EventData>() -> String {
    E::full_name()
}

async fn publish_as<E: EventData>(sidecar: &Sidecar, topic: &'static str, row: &Row) -> Result<(), String> {
    let event: E =
        serde_json::from_value(row.get::<_, Value>("data")).map_err(|error| format!("its data is damaged: {error}"))?;
    let trace = row.get::<_, &str>("traceparent").parse().unwrap_or_default();
    let context = Context { trace, correlation_id: row.get("correlation_id"), caller: None };
    let publication = sidecar.publish_as(row.get("id"), PUBSUB, topic, row.get("partition_key"), &event);
    match tokio::time::timeout(PATIENCE, context.scope(publication)).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {PATIENCE:?}")),
    }
}
