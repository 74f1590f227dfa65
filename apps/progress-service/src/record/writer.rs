//! The one way in which a record changes: what comes while a transaction is under way goes into the next one together.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use learnflow_mastery::Config;
use learnflow_sidecar::Context;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{
    derived::{AlertRow, Derived, derive},
    fact::{StudentFact, micros},
    known::Known,
    outbox,
    tables::{self, Change, Stored},
};
use crate::database::{Database, DatabaseError};

/// Changes waiting behind the transaction under way; more callers wait for room.
const QUEUE: usize = 1_024;
/// Most changes of one transaction.
const BATCH: usize = 128;
/// Pauses while the database is away: from the first to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It is new, and the record computed with it.
    New,
    /// It was there already.
    Duplicate,
    /// There is no account of this student (any more): nothing was kept.
    Nobody,
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The database refuses it.
    #[error(transparent)]
    Refused(DatabaseError),
    /// The process is shutting down.
    #[error("the service is shutting down")]
    Stopped,
}

/// Told of every record that changed, after the transaction: its student and version.
pub type OnChange = Arc<dyn Fn(Uuid, i64) + Send + Sync>;

enum Work {
    Fact(StudentFact),
    /// A teacher dealt with an alert.
    Resolve {
        alert: Uuid,
        teacher: Uuid,
    },
    /// Time has changed the record.
    Refresh,
}

struct Pending {
    student: Uuid,
    work: Work,
    context: Context,
    done: oneshot::Sender<Result<Applied, WriteError>>,
}

/// Changes records. Cheap to clone; all clones share one transaction at a time.
#[derive(Clone)]
pub struct Writer {
    queue: mpsc::Sender<Pending>,
}

impl Writer {
    /// Starts the task that writes.
    pub fn start(database: Database, config: Arc<Config>, relay: outbox::Bell, on_change: OnChange) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let task = Task { database, config, relay, on_change, known: Known::default() };
        tokio::spawn(task.run(waiting));
        Self { queue }
    }

    /// Adds a fact and returns when the record that follows from it is committed. While the database is away this waits,
    /// without limit: give up by dropping the future. Adding it again is harmless.
    ///
    /// # Errors
    /// [`WriteError::Refused`] when the tables do not take the fact.
    pub async fn add(&self, fact: StudentFact) -> Result<Applied, WriteError> {
        self.change(fact.student, Work::Fact(fact)).await
    }

    /// Notes that a teacher dealt with a student's alert.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub async fn resolve(&self, student: Uuid, alert: Uuid, teacher: Uuid) -> Result<Applied, WriteError> {
        self.change(student, Work::Resolve { alert, teacher }).await
    }

    /// Computes a record anew, for the time that has passed.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub async fn refresh(&self, student: Uuid) -> Result<Applied, WriteError> {
        self.change(student, Work::Refresh).await
    }

    async fn change(&self, student: Uuid, work: Work) -> Result<Applied, WriteError> {
        let (done, result) = oneshot::channel();
        let pending = Pending { student, work, context: Context::current(), done };
        self.queue.send(pending).await.map_err(|_| WriteError::Stopped)?;
        result.await.map_err(|_| WriteError::Stopped)?
    }
}

struct Task {
    database: Database,
    config: Arc<Config>,
    relay: outbox::Bell,
    on_change: OnChange,
    known: Known,
}

impl Task {
    async fn run(mut self, mut waiting: mpsc::Receiver<Pending>) {
        let mut batch = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut batch, BATCH).await > 0 {
            self.settle(std::mem::take(&mut batch)).await;
        }
    }

    /// Makes the changes of a batch and tells each caller. One that is refused makes its batch go one by one; a database
    /// that is away makes it wait.
    async fn settle(&mut self, batch: Vec<Pending>) {
        let mut work = vec![batch];
        let mut pause = FIRST_PAUSE;
        while let Some(mut batch) = work.pop() {
            let error = match self.apply(&batch).await {
                Ok(applied) => {
                    for (pending, applied) in batch.into_iter().zip(applied) {
                        // A caller that is gone gets the event again, and finds it stored.
                        let _ = pending.done.send(Ok(applied));
                    }
                    pause = FIRST_PAUSE;
                    continue;
                }
                Err(error) => error,
            };
            if !matches!(error, DatabaseError::Refused { .. }) {
                batch.retain(|pending| !pending.done.is_closed());
                if !batch.is_empty() {
                    tracing::warn!(changes = batch.len(), %error, "changes of records wait for the database");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    work.push(batch);
                }
            } else if batch.len() > 1 {
                work.extend(batch.into_iter().rev().map(|pending| vec![pending]));
            } else if let Some(Pending { done, .. }) = batch.pop() {
                let _ = done.send(Err(WriteError::Refused(error)));
            }
        }
    }

    /// One transaction: facts in, records computed from all facts, alerts and their events out.
    async fn apply(&mut self, batch: &[Pending]) -> Result<Vec<Applied>, DatabaseError> {
        let started = std::time::Instant::now();
        let now = micros(OffsetDateTime::now_utc());
        let mut students: Vec<Uuid> = batch.iter().map(|pending| pending.student).collect();
        students.sort_unstable();
        students.dedup();
        // Of a fact that comes twice in one batch, the first counts.
        let mut ids = HashSet::new();
        let facts: Vec<&StudentFact> =
            batch.iter().filter_map(Pending::fact).filter(|fact| ids.insert(fact.fact.id)).collect();
        let resolutions: Vec<(Uuid, Uuid)> = batch.iter().filter_map(Pending::resolution).collect();

        let mut client = self.database.client().await?;
        let transaction = client.transaction().await?;
        // Sent together, carried out one after the other: under the lock nobody else changes these students' rows.
        let (locked, new_facts, resolved) = futures::future::try_join3(
            tables::lock(&transaction, &students),
            tables::insert_facts(&transaction, &facts),
            tables::insert_resolutions(&transaction, &resolutions, now),
        )
        .await?;
        let mut new: HashSet<Uuid> = new_facts.into_iter().collect();
        let resolved_alerts: HashSet<Uuid> = resolved.iter().map(|(_, resolved)| resolved.alert).collect();

        // Whose record changes, and by what.
        let mut because: BTreeMap<Uuid, Vec<&Pending>> = BTreeMap::new();
        let mut applied = Vec::with_capacity(batch.len());
        for pending in batch {
            let result = match &pending.work {
                _ if !locked.contains_key(&pending.student) => Applied::Nobody,
                Work::Fact(fact) if new.remove(&fact.fact.id) => Applied::New,
                Work::Resolve { alert, .. } if resolved_alerts.contains(alert) => Applied::New,
                Work::Refresh => Applied::New,
                Work::Fact(_) | Work::Resolve { .. } => Applied::Duplicate,
            };
            if result == Applied::New {
                because.entry(pending.student).or_default().push(pending);
            }
            applied.push(result);
        }

        let missing: Vec<Uuid> = because
            .keys()
            .filter(|id| locked.get(*id).is_none_or(|locked| !self.known.has(**id, locked.version)))
            .copied()
            .collect();
        let mut loaded = tables::load(&transaction, &missing).await?;
        let mut results: Vec<(Uuid, i64, Stored, Derived)> = Vec::with_capacity(because.len());
        for (student, changes) in &because {
            let Some(lock) = locked.get(student) else { continue };
            let stored = if let Some(stored) = loaded.remove(student) {
                stored
            } else {
                // Until it is committed the student is not known: after a failure they are read again.
                let mut stored = self.known.take(*student).unwrap_or_default();
                stored.facts.extend(changes.iter().filter_map(|pending| pending.fact()).map(|fact| fact.fact.clone()));
                let resolved = resolved.iter().filter(|(id, _)| id == student).map(|(_, resolved)| resolved.clone());
                stored.resolved.extend(resolved);
                stored
            };
            let Stored { facts, resolved, derived, .. } = &stored;
            let after = derive(&lock.owner, facts, resolved, &derived.alerts, now, &self.config);
            results.push((*student, lock.version + 1, stored, after));
        }

        let changes: Vec<Change<'_>> = results
            .iter()
            .map(|(student, version, stored, after)| Change {
                student: *student,
                version: *version,
                before: &stored.derived,
                after,
            })
            .collect();
        let raised: Vec<outbox::Raised<'_>> = changes.iter().flat_map(|change| raised(change, &because)).collect();
        futures::future::try_join(tables::write(&transaction, &changes, now), outbox::insert(&transaction, &raised))
            .await?;
        let news = !raised.is_empty();
        drop((raised, changes));
        transaction.commit().await?;

        metrics::histogram!("record_batch_size").record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        metrics::histogram!("record_batch_seconds").record(started.elapsed());
        if news {
            self.relay.ring();
        }
        for (student, version, stored, derived) in results {
            (self.on_change)(student, version);
            self.known.put(student, version, Stored { derived, computed_at: Some(now), ..stored });
        }
        Ok(applied)
    }
}

/// The alerts that a change raises.
fn raised<'a>(
    change: &Change<'a>,
    because: &BTreeMap<Uuid, Vec<&'a Pending>>,
) -> impl Iterator<Item = outbox::Raised<'a>> + use<'a> {
    let (student, before) = (change.student, change.before);
    let context = because.get(&student).and_then(|changes| changes.last()).map(|pending| &pending.context);
    change.after.alerts.iter().filter(|(id, _)| !before.alerts.contains_key(*id)).filter_map(
        move |(id, alert): (&Uuid, &AlertRow)| Some(outbox::Raised { student, id: *id, alert, context: context? }),
    )
}

impl Pending {
    fn fact(&self) -> Option<&StudentFact> {
        match &self.work {
            Work::Fact(fact) => Some(fact),
            _ => None,
        }
    }

    fn resolution(&self) -> Option<(Uuid, Uuid)> {
        match self.work {
            Work::Resolve { alert, teacher } => Some((alert, teacher)),
            _ => None,
        }
    }
}
