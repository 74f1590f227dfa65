//! The one way in which a record changes: what comes while a transaction is under way goes into the next one together.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use deadpool_postgres::Object;
use futures::future::{try_join3, try_join4};
use learnflow_mastery::{Config, Fact, FactKind, Streak};
use learnflow_sidecar::Context;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    compute::{Computation, New, basis, settings},
    derived::{Changed, Derived, Resolved},
    fact::{StudentFact, micros},
    known::{Known, Student, topic},
    outbox,
    tables::{self, Change, Locked, Stored, Wanted},
};
pub use crate::commit::WriteError;
use crate::{
    commit::{Commit, Group},
    database::{Database, DatabaseError},
};

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
    /// The student was erased.
    Forget,
}

struct Pending {
    student: Uuid,
    work: Work,
    context: Context,
}

/// Changes records. Cheap to clone; all clones share one transaction at a time.
#[derive(Clone)]
pub struct Writer {
    group: Group<Records>,
}

impl Writer {
    /// Starts the task that writes.
    pub fn start(database: Database, config: Arc<Config>, relay: outbox::Bell, on_change: OnChange) -> Self {
        let settings = settings(&config);
        let (known, connection) = (Known::default(), None);
        Self { group: Group::start(Records { database, config, settings, relay, on_change, known, connection }) }
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

    /// Forgets what is remembered of a student.
    pub async fn forget(&self, student: Uuid) {
        let _ = self.change(student, Work::Forget).await;
    }

    async fn change(&self, student: Uuid, work: Work) -> Result<Applied, WriteError> {
        self.group.join(Pending { student, work, context: Context::current() }).await
    }
}

struct Records {
    database: Database,
    config: Arc<Config>,
    settings: String,
    relay: outbox::Bell,
    on_change: OnChange,
    known: Known,
    /// Of the last transaction, if that went well.
    connection: Option<Object>,
}

impl Commit for Records {
    type Item = Pending;
    type Done = Applied;
    const ITEMS: &'static str = "changes of records";
    const LIMIT: usize = 128;

    async fn commit(&mut self, batch: &[Pending]) -> Result<Vec<Applied>, DatabaseError> {
        let started = std::time::Instant::now();
        for forgotten in batch.iter().filter(|pending| matches!(pending.work, Work::Forget)) {
            self.known.forget(forgotten.student);
        }
        let client = match self.connection.take() {
            Some(client) => client,
            None => self.database.client().await?,
        };
        let done = match self.transact(&client, batch).await {
            Ok(done) => done,
            Err(error) => {
                // Closing the connection ends the transaction, whatever has become of it.
                drop(Object::take(client));
                return Err(error);
            }
        };
        self.connection = Some(client);
        metrics::histogram!("record_batch_size").record(f64::from(u32::try_from(batch.len()).unwrap_or(u32::MAX)));
        metrics::histogram!("record_batch_seconds").record(started.elapsed());
        if done.news {
            self.relay.ring();
        }
        for (id, version, student) in done.students {
            (self.on_change)(id, version);
            self.known.put(id, version, student);
        }
        Ok(done.applied)
    }
}

/// What a transaction has done.
struct Done {
    applied: Vec<Applied>,
    students: Vec<(Uuid, i64, Student)>,
    /// There is something to publish.
    news: bool,
}

/// What a batch means for one student.
struct Job<'a> {
    id: Uuid,
    locked: &'a Locked,
    changes: Vec<&'a Pending>,
    new: Vec<&'a Fact>,
    resolved: Vec<&'a Resolved>,
    /// The topics whose facts are needed.
    topics: BTreeSet<String>,
    /// What the streak becomes; `None` when everything must be computed anew.
    streak: Option<Streak>,
    known: Option<Student>,
}

impl Records {
    /// One transaction: facts in, what follows from them, alerts and their events out.
    async fn transact(&mut self, client: &Object, batch: &[Pending]) -> Result<Done, DatabaseError> {
        let now = micros(OffsetDateTime::now_utc());
        let mut students: Vec<Uuid> = batch.iter().map(|pending| pending.student).collect();
        students.sort_unstable();
        students.dedup();
        // Of a fact that comes twice in one batch, the first counts.
        let mut ids = HashSet::new();
        let facts: Vec<&StudentFact> =
            batch.iter().filter_map(Pending::fact).filter(|fact| ids.insert(fact.fact.id)).collect();
        let resolutions: Vec<(Uuid, Uuid)> = batch.iter().filter_map(Pending::resolution).collect();

        tables::prepare(client).await?;
        client.prepare_cached(outbox::INSERT.sql).await?;
        // Sent together, carried out one after the other: under the lock nobody else changes these students' rows.
        let ((), locked, new_facts, resolved) = try_join4(
            execute(client, "BEGIN"),
            tables::lock(client, &students),
            tables::insert_facts(client, &facts),
            tables::insert_resolutions(client, &resolutions, now),
        )
        .await?;

        let (applied, mut jobs) = self.sort(batch, &locked, &new_facts.into_iter().collect(), &resolved, now);
        let mut loaded = tables::load(client, &wanted(&jobs)).await?;
        let mut results = Vec::with_capacity(jobs.len());
        for job in &mut jobs {
            let stored = loaded.remove(&job.id).unwrap_or_default();
            let (student, changed) = self.compute(job, stored, now);
            results.push((job, student, changed));
        }

        let changes: Vec<Change<'_>> = results
            .iter()
            .map(|(job, student, changed)| Change {
                student: job.id,
                version: job.locked.version + 1,
                after: &student.derived,
                changed,
            })
            .collect();
        let raised: Vec<outbox::Raised<'_>> =
            results.iter().flat_map(|(job, student, changed)| raised(job, student, changed)).collect();
        let risen = results.iter().flat_map(|(job, student, changed)| risen(job, student, changed, now)).collect();
        let reached = outbox::never_told(client, risen).await?;
        // All prepared, hence sent in this order. When a write fails the server makes the commit a rollback.
        try_join3(
            tables::write(client, &changes, now),
            outbox::insert(client, &raised, &reached),
            execute(client, "COMMIT"),
        )
        .await?;
        let news = !raised.is_empty() || !reached.is_empty();
        let students = results.into_iter().map(|(job, student, _)| (job.id, job.locked.version + 1, student)).collect();
        Ok(Done { applied, students, news })
    }

    /// Says what becomes of each change, and what that means for each student whose record it changes.
    fn sort<'a>(
        &mut self,
        batch: &'a [Pending],
        locked: &'a HashMap<Uuid, Locked>,
        new_facts: &HashSet<Uuid>,
        resolved: &'a [(Uuid, Resolved)],
        now: OffsetDateTime,
    ) -> (Vec<Applied>, Vec<Job<'a>>) {
        let mut new_facts = new_facts.clone();
        let mut because: BTreeMap<Uuid, Vec<&Pending>> = BTreeMap::new();
        let mut applied = Vec::with_capacity(batch.len());
        for pending in batch {
            let result = match &pending.work {
                _ if !locked.contains_key(&pending.student) => Applied::Nobody,
                Work::Fact(fact) if new_facts.remove(&fact.fact.id) => Applied::New,
                Work::Resolve { alert, .. } if resolved.iter().any(|(_, new)| new.alert == *alert) => Applied::New,
                Work::Refresh => Applied::New,
                Work::Forget => Applied::Nobody,
                Work::Fact(_) | Work::Resolve { .. } => Applied::Duplicate,
            };
            if result == Applied::New {
                because.entry(pending.student).or_default().push(pending);
            }
            applied.push(result);
        }
        let jobs = because.into_iter().filter_map(|(id, changes)| {
            let locked = locked.get(&id)?;
            let new: Vec<&Fact> = changes.iter().filter_map(|pending| pending.fact()).map(|fact| &fact.fact).collect();
            let resolved: Vec<&Resolved> =
                resolved.iter().filter(|(student, _)| *student == id).map(|(_, resolved)| resolved).collect();
            let of_facts = new.iter().filter(|fact| matters(fact, now)).map(|fact| topic(fact));
            let of_resolved = resolved.iter().map(|new| new.resolution.topic.as_deref().unwrap_or_default());
            let topics = of_facts.chain(of_resolved).map(ToOwned::to_owned).collect();
            let refresh = changes.iter().any(|pending| matches!(pending.work, Work::Refresh));
            let computation = self.computation(locked, now);
            let streak = if refresh { None } else { computation.streak_after(&locked.whole, new.iter().copied()) };
            let known = self.known.take(id, locked.version);
            Some(Job { id, locked, changes, new, resolved, topics, streak, known })
        });
        (applied, jobs.collect())
    }

    /// Computes what the changes make of a record. Of what is known nothing is read again; until the transaction is
    /// committed the student is not known: after a failure they are read anew.
    fn compute(&self, job: &mut Job<'_>, stored: Stored, now: OffsetDateTime) -> (Student, Changed) {
        let computation = self.computation(job.locked, now);
        let Stored { facts, resolved, rows } = stored;
        let Some(streak) = job.streak else {
            let before = Derived { topics: rows.topics, alerts: rows.alerts, ..job.locked.whole.clone() };
            let derived = computation.whole(&facts, &resolved, &before.alerts);
            let changed = Changed::between(&before, &derived);
            let mut student = Student::new(derived, resolved);
            for fact in &facts {
                student.knows(topic(fact));
                student.add(fact);
            }
            return (student, changed);
        };
        let mut student = if let Some(mut student) = job.known.take() {
            student.resolved.extend(job.resolved.iter().copied().cloned());
            student
        } else {
            let derived = Derived { topics: rows.topics, alerts: rows.alerts, ..job.locked.whole.clone() };
            Student::new(derived, resolved)
        };
        // The new ones to what is known; what was read has them already.
        for fact in &job.new {
            student.add(fact);
        }
        let missing: Vec<String> = student.missing(&job.topics).map(ToOwned::to_owned).collect();
        for topic in &missing {
            student.knows(topic);
        }
        for fact in &facts {
            student.add(fact);
        }
        let topics = job.topics.iter().map(|topic| (topic.clone(), student.facts(topic))).collect();
        let Student { derived, resolved, .. } = &mut student;
        let changed = computation.advance(derived, streak, &New { facts: job.new.clone(), topics, resolved });
        (student, changed)
    }

    fn computation<'a>(&'a self, locked: &'a Locked, now: OffsetDateTime) -> Computation<'a> {
        let basis = basis(&locked.owner, &self.settings);
        Computation { owner: &locked.owner, now, config: &self.config, basis }
    }
}

async fn execute(client: &Object, sql: &str) -> Result<(), DatabaseError> {
    Ok(client.batch_execute(sql).await?)
}

/// Being there counts for the streak and says nothing of any topic; but one that is yet to come can end an episode.
fn matters(fact: &Fact, now: OffsetDateTime) -> bool {
    fact.at > now || fact.topic.is_some() || !matches!(fact.kind, FactKind::Activity { exercise: None })
}

/// What must be read for the jobs.
fn wanted(jobs: &[Job<'_>]) -> Wanted {
    let mut wanted = Wanted::default();
    let nobody = Student::default();
    for job in jobs {
        if job.streak.is_none() {
            wanted.whole.push(job.id);
            continue;
        }
        if job.known.is_none() {
            wanted.computed.push(job.id);
        }
        let missing = job.known.as_ref().unwrap_or(&nobody).missing(&job.topics);
        wanted.topics.extend(missing.map(|topic| (job.id, topic.to_owned())));
    }
    wanted
}

/// The alerts that a change raises.
fn raised<'a>(job: &Job<'a>, student: &'a Student, changed: &'a Changed) -> impl Iterator<Item = outbox::Raised<'a>> {
    let (id, context) = (job.id, job.changes.last().map(|pending| &pending.context));
    changed.raised.iter().filter_map(move |alert| {
        let row = student.derived.alerts.get(alert)?;
        Some(outbox::Raised { student: id, id: *alert, alert: row, context: context? })
    })
}

/// The topics that new facts bring to a higher level. What another configuration or a changed role makes of old facts is
/// nobody's achievement.
fn risen<'a>(
    job: &Job<'a>,
    student: &'a Student,
    changed: &'a Changed,
    now: OffsetDateTime,
) -> impl Iterator<Item = outbox::Reached<'a>> {
    let Locked { owner, version, whole, .. } = job.locked;
    let earned = owner.is_student && (*version == 0 || whole.basis == student.derived.basis);
    let because = job.changes.iter().rfind(|pending| earned && pending.fact().is_some());
    let (id, context) = (job.id, because.map(|pending| &pending.context));
    changed.risen.iter().filter_map(move |topic| {
        let row = student.derived.topics.get(topic)?;
        Some(outbox::Reached { student: id, topic, row, at: now, context: context? })
    })
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
