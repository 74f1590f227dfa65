//! The record's tables: rows in, rows out.

mod derived;
mod facts;

use std::collections::HashMap;

use deadpool_postgres::GenericClient;
use futures::future::{try_join, try_join4};
use learnflow_mastery::Fact;
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::facts::{FACTS, TOPIC_FACTS};
pub(super) use self::{
    derived::{Change, topic, write},
    facts::{insert_facts, insert_resolutions},
};
use super::derived::{Derived, Owner, Resolved};
use crate::database::{DatabaseError, Statement, query_in};

// Locks the student, not the record: there is a student before there is a record. In the order of the ids, so that two
// replicas wait for one another instead of both waiting.
const LOCK: Statement = Statement {
    name: "record.lock",
    sql: "SELECT id, time_zone, role = 'student' AS is_student FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
};
// A statement of its own: it must see what was written before the lock was given.
const WHOLE: Statement = Statement {
    name: "records.whole",
    sql: "SELECT student_id, version, streak_days, longest_streak_days, last_active, valid_until, computed_at, basis,
                 next_fact_at
          FROM records WHERE student_id = ANY ($1)",
};

/// A student who is locked until the transaction ends.
#[derive(Clone, Debug)]
pub(super) struct Locked {
    pub owner: Owner,
    /// 0 without a record.
    pub version: i64,
    /// What is computed for the student as a whole, without topics and alerts.
    pub whole: Derived,
    /// When; `None` without a record.
    pub computed_at: Option<OffsetDateTime>,
}

/// What is to be read of students.
#[derive(Default)]
pub(super) struct Wanted {
    /// All of theirs.
    pub whole: Vec<Uuid>,
    /// What is computed and resolved, without facts.
    pub computed: Vec<Uuid>,
    /// The facts of a student on a topic; on the empty one those without a topic.
    pub topics: Vec<(Uuid, String)>,
}

/// What was read of one student.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored {
    /// In no particular order.
    pub facts: Vec<Fact>,
    /// What teachers dealt with.
    pub resolved: Vec<Resolved>,
    /// Topics and alerts as they were computed.
    pub rows: Derived,
}

/// Prepares all statements of this module that a batch of changes takes. After that each is sent as soon as it is asked
/// for: those asked for together are carried out in their order.
pub(super) async fn prepare(client: &impl GenericClient) -> Result<(), DatabaseError> {
    for statement in [&LOCK, &WHOLE].into_iter().chain(facts::STATEMENTS).chain(derived::STATEMENTS) {
        client.prepare_cached(statement.sql).await?;
    }
    Ok(())
}

/// Locks students; those without an account are missing from the result.
pub(super) async fn lock(
    client: &impl GenericClient,
    students: &[Uuid],
) -> Result<HashMap<Uuid, Locked>, DatabaseError> {
    // Prepared first: then both are sent at once, and carried out in this order.
    client.prepare_cached(LOCK.sql).await?;
    client.prepare_cached(WHOLE.sql).await?;
    let (users, records) =
        try_join(query_in(client, &LOCK, &[&students]), query_in(client, &WHOLE, &[&students])).await?;
    let records: HashMap<Uuid, &Row> = records.iter().map(|row| (row.get("student_id"), row)).collect();
    let locked = users.iter().map(|row| {
        let id = row.get("id");
        let owner = Owner { id, zone: row.get("time_zone"), is_student: row.get("is_student") };
        let Some(record) = records.get(&id) else {
            return (id, Locked { owner, version: 0, whole: Derived::default(), computed_at: None });
        };
        let whole = Derived {
            basis: record.get("basis"),
            next_fact_at: record.get("next_fact_at"),
            streak_days: record.get("streak_days"),
            longest_streak_days: record.get("longest_streak_days"),
            last_active: record.get("last_active"),
            valid_until: record.get("valid_until"),
            ..Derived::default()
        };
        (id, Locked { owner, version: record.get("version"), whole, computed_at: record.get("computed_at") })
    });
    Ok(locked.collect())
}

/// Reads what is wanted.
pub(super) async fn load(client: &impl GenericClient, wanted: &Wanted) -> Result<HashMap<Uuid, Stored>, DatabaseError> {
    let Wanted { whole, computed, topics } = wanted;
    let computed: Vec<Uuid> = whole.iter().chain(computed).copied().collect();
    let (of_whole, of_topics, resolutions, rows) = try_join4(
        facts::of_students(client, whole),
        facts::of_topics(client, topics),
        facts::resolutions(client, &computed),
        derived::load(client, &computed),
    )
    .await?;
    let mut found: HashMap<Uuid, Stored> = HashMap::new();
    for (student, fact) in of_whole.into_iter().chain(of_topics) {
        found.entry(student).or_default().facts.push(fact);
    }
    for (student, resolved) in resolutions {
        found.entry(student).or_default().resolved.push(resolved);
    }
    for (student, rows) in rows {
        found.entry(student).or_default().rows = rows;
    }
    Ok(found)
}

pub(crate) fn column<'a, R, T: 'a>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

/// The students that have facts or anything computed, in the order of their ids.
pub(super) const STUDENTS: Statement = Statement {
    name: "record.students",
    sql: "SELECT id FROM users u WHERE id > $1
            AND (EXISTS (SELECT FROM facts WHERE student_id = u.id) OR EXISTS (SELECT FROM records WHERE student_id = u.id)
                 OR EXISTS (SELECT FROM progress WHERE user_id = u.id) OR EXISTS (SELECT FROM alerts WHERE student_id = u.id))
          ORDER BY id LIMIT $2",
};
