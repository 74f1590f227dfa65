//! Reading a record: from this process (30 s), from the state store, from PostgreSQL.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use learnflow_curriculum::Curriculum;
use learnflow_mastery::{WheelSpinning, module_mastery};
use learnflow_proto::v1::{GetProgressResponse, MasteryComponents, ModuleProgress, TopicMeasures, TopicProgress};
use learnflow_sidecar::{Operation, Sidecar};
use serde::{Deserialize, Serialize};
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use tonic::Status;
use uuid::Uuid;

use super::{near::Near, tables, writer::Writer};
use crate::{
    database::{Database, DatabaseError, Statement},
    users::timestamp,
};

/// A record and its topics.
pub const READ: Statement = Statement {
    name: "record.read",
    sql: "SELECT r.student_id, r.version, r.streak_days, r.longest_streak_days, r.valid_until, p.*
          FROM records r LEFT JOIN progress p ON p.user_id = r.student_id WHERE r.student_id = ANY ($1)",
};

/// How long what the state store holds is handed out while the database is there. It is written anew a second after
/// each change; this bounds what a process can do that ends in that second.
const FRESH: i64 = 300;
/// How long the state store keeps it, for when the database is away.
const KEPT: Duration = Duration::from_hours(48);
/// How often changed records are written to the state store: a busy student costs one write a second.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// Records written at a time.
const WRITE_BATCH: usize = 64;

/// A record as it was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    /// Of the record; 0 when there is none.
    pub version: i64,
    /// When it was read from the database, in seconds since 1970.
    pub read_at: i64,
    /// When time alone changes it, in seconds since 1970.
    pub valid_until: Option<i64>,
    /// The answer, with measures.
    pub progress: GetProgressResponse,
}

impl Snapshot {
    fn is_fresh(&self, now: OffsetDateTime) -> bool {
        let now = now.unix_timestamp();
        now - self.read_at < FRESH && self.valid_until.is_none_or(|until| now < until)
    }
}

/// Reads records. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    sidecar: Sidecar,
    /// Modules in their order, each with its topics.
    modules: Vec<(String, Vec<String>)>,
    near: Near,
    /// Whose record in the state store is outdated.
    changed: Mutex<HashSet<Uuid>>,
}

impl Reader {
    /// Reads what a database and a state store hold.
    pub fn new(database: Database, sidecar: Sidecar, curriculum: &Curriculum) -> Self {
        let topics =
            |module: &learnflow_curriculum::Module| module.topics.iter().map(|topic| topic.id.clone()).collect();
        let modules = curriculum.modules().iter().map(|module| (module.id.clone(), topics(module))).collect();
        let (near, changed) = Default::default();
        Self { inner: Arc::new(Inner { database, sidecar, modules, near, changed }) }
    }

    /// A student's record; empty for one who has none.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the database is away and no cache knows the record.
    pub async fn progress(&self, student: Uuid, writer: &Writer) -> Result<GetProgressResponse, Status> {
        let Inner { database, near, .. } = &*self.inner;
        let now = OffsetDateTime::now_utc();
        let read_only = !database.is_available();
        let (snapshot, level) = if let Some(snapshot) = near.fresh(student) {
            (snapshot, "process")
        } else if let Some(snapshot) = self.far(student, now.date()).await.filter(|far| far.is_fresh(now)) {
            near.keep(student, snapshot.clone());
            (snapshot, "state")
        } else {
            match self.stored(student, writer, now).await {
                Ok(snapshot) => (snapshot, "database"),
                Err(error @ DatabaseError::Refused { .. }) => return Err(error.into()),
                Err(error) => return self.last_known(student, now.date()).await.ok_or_else(|| error.into()),
            }
        };
        metrics::counter!("progress_reads_total", "from" => level).increment(1);
        Ok(GetProgressResponse { read_only, ..snapshot.progress.clone() })
    }

    /// What was true before the database went away.
    async fn last_known(&self, student: Uuid, today: Date) -> Option<GetProgressResponse> {
        let snapshot = match self.inner.near.any(student) {
            Some(snapshot) => snapshot,
            None => match self.far(student, today).await {
                Some(snapshot) => snapshot,
                None => self.far(student, today.previous_day()?).await?,
            },
        };
        metrics::counter!("progress_reads_total", "from" => "read-only").increment(1);
        Some(GetProgressResponse { read_only: true, ..snapshot.progress.clone() })
    }

    /// What the state store holds; nothing when it is away.
    async fn far(&self, student: Uuid, date: Date) -> Option<Arc<Snapshot>> {
        match self.inner.sidecar.get::<Snapshot>(&key(student, date)).await {
            Ok(entry) => {
                let snapshot = Arc::new(entry?.value);
                // While the database is there, this process may know better.
                let outdated = self.inner.database.is_available() && !self.inner.near.is_current(&snapshot, student);
                (!outdated).then_some(snapshot)
            }
            Err(error) => {
                tracing::debug!(%error, "a record is read without the state store");
                None
            }
        }
    }

    async fn stored(
        &self,
        student: Uuid,
        writer: &Writer,
        now: OffsetDateTime,
    ) -> Result<Arc<Snapshot>, DatabaseError> {
        let mut snapshot = self.read(&[student]).await?.remove(&student);
        if snapshot.as_ref().is_some_and(|snapshot| !snapshot.is_fresh(now)) && writer.refresh(student).await.is_ok() {
            snapshot = self.read(&[student]).await?.remove(&student);
        }
        let snapshot = Arc::new(snapshot.unwrap_or_else(|| self.empty(student)));
        self.inner.near.keep(student, snapshot.clone());
        self.write_later(student);
        Ok(snapshot)
    }

    /// Reads records from the database; those that don't exist are missing.
    async fn read(&self, students: &[Uuid]) -> Result<HashMap<Uuid, Snapshot>, DatabaseError> {
        let rows = self.inner.database.query(&READ, &[&students]).await?;
        let mut found: HashMap<Uuid, Snapshot> = HashMap::new();
        for row in &rows {
            let student = row.get("student_id");
            let snapshot = found.entry(student).or_insert_with(|| self.head(student, row));
            if row.get::<_, Option<&str>>("topic_id").is_some() {
                snapshot.progress.topics.push(topic(row)?);
            }
        }
        for snapshot in found.values_mut() {
            snapshot.progress.topics.sort_by(|a, b| a.topic.cmp(&b.topic));
            snapshot.progress.modules = self.modules(&snapshot.progress.topics);
        }
        Ok(found)
    }

    fn head(&self, student: Uuid, row: &Row) -> Snapshot {
        let days = |column| u32::try_from(row.get::<_, i32>(column)).unwrap_or_default();
        let empty = self.empty(student);
        Snapshot {
            version: row.get("version"),
            valid_until: row.get::<_, Option<OffsetDateTime>>("valid_until").map(OffsetDateTime::unix_timestamp),
            progress: GetProgressResponse {
                streak_days: days("streak_days"),
                longest_streak_days: days("longest_streak_days"),
                ..empty.progress
            },
            ..empty
        }
    }

    fn empty(&self, student: Uuid) -> Snapshot {
        let progress = GetProgressResponse {
            user_id: student.to_string(),
            modules: self.modules(&[]),
            ..GetProgressResponse::default()
        };
        let read_at = OffsetDateTime::now_utc().unix_timestamp();
        Snapshot { version: 0, read_at, valid_until: None, progress }
    }

    /// How many topics the curriculum has.
    pub(crate) fn topic_count(&self) -> f64 {
        let count: usize = self.inner.modules.iter().map(|(_, topics)| topics.len()).sum();
        f64::from(u32::try_from(count).unwrap_or(u32::MAX).max(1))
    }

    fn modules(&self, topics: &[TopicProgress]) -> Vec<ModuleProgress> {
        self.modules_of(&topics.iter().map(|topic| (topic.topic.as_str(), topic.mastery)).collect())
    }

    /// Mastery of the modules, from that of their topics.
    pub(crate) fn modules_of(&self, mastery: &BTreeMap<&str, f64>) -> Vec<ModuleProgress> {
        let module = |(module, topics): &(String, Vec<String>)| {
            let topics = topics.iter().map(|topic| mastery.get(topic.as_str()).copied().unwrap_or_default());
            let (mastery, level) = module_mastery(topics);
            ModuleProgress { module: module.clone(), mastery, level: level.to_string() }
        };
        self.inner.modules.iter().map(module).collect()
    }

    /// A record has changed: what was read before is outdated.
    pub fn outdate(&self, student: Uuid, version: i64) {
        self.inner.near.outdate(student, version);
        self.write_later(student);
    }

    /// The student was erased: nothing of the record is kept here.
    pub fn forget(&self, student: Uuid) {
        self.inner.near.forget(student);
        self.inner.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&student);
    }

    fn write_later(&self, student: Uuid) {
        self.inner.changed.lock().unwrap_or_else(PoisonError::into_inner).insert(student);
    }

    /// Writes changed records to the state store, about a second after the change. Never returns.
    pub async fn keep_state(&self) {
        loop {
            tokio::time::sleep(WRITE_EVERY).await;
            let changed = std::mem::take(&mut *self.inner.changed.lock().unwrap_or_else(PoisonError::into_inner));
            let changed: Vec<Uuid> = changed.into_iter().collect();
            for students in changed.chunks(WRITE_BATCH) {
                if let Err(reason) = self.write_state(students).await {
                    tracing::debug!(reason, records = students.len(), "records not in the state store yet");
                    for student in students {
                        self.write_later(*student);
                    }
                }
            }
        }
    }

    async fn write_state(&self, students: &[Uuid]) -> Result<(), String> {
        let mut snapshots = self.read(students).await.map_err(|error| error.to_string())?;
        let today = OffsetDateTime::now_utc().date();
        let mut operations = Vec::with_capacity(students.len());
        for student in students {
            let snapshot = snapshots.remove(student).unwrap_or_else(|| self.empty(*student));
            let value = serde_json::to_vec(&snapshot).map_err(|error| error.to_string())?;
            operations.push(Operation::Set { key: key(*student, today), value, ttl: Some(KEPT) });
        }
        self.inner.sidecar.transaction(operations).await.map_err(|error| error.to_string())
    }
}

/// `student:{id}:mastery:{date}:{component}`; the component is the whole record, which is always read as one.
fn key(student: Uuid, date: Date) -> String {
    let month = u8::from(date.month());
    format!("student:{student}:mastery:{:04}-{month:02}-{:02}:record", date.year(), date.day())
}

fn topic(row: &Row) -> Result<TopicProgress, DatabaseError> {
    let found = tables::topic(row)?;
    let [exercises, quizzes, code_quality, consistency] = found.parts;
    let tries = usize::try_from(found.tries).unwrap_or_default();
    let mastered_at = found.mastered_at_try.and_then(|number| usize::try_from(number).ok());
    Ok(TopicProgress {
        topic: row.get("topic_id"),
        mastery: found.mastery,
        level: found.level.to_owned(),
        components: Some(MasteryComponents { exercises, quizzes, code_quality, consistency }),
        knowledge: found.knowledge,
        next_review_at: found.next_review_at.map(timestamp),
        updated_at: Some(timestamp(row.get("updated_at"))),
        measures: Some(TopicMeasures {
            runs: u32::try_from(found.runs).unwrap_or_default(),
            error_quotient: found.error_quotient,
            repeated_error_density: found.repeated_error_density,
            tries: u32::try_from(found.tries).unwrap_or_default(),
            wheel_spinning: WheelSpinning { tries, mastered_at }.is_spinning(),
        }),
        starting_level: found.starting_level.map(ToOwned::to_owned),
    })
}
