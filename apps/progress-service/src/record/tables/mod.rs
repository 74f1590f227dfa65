//! The record's tables: rows in, rows out.

mod derived;
mod facts;

use std::collections::HashMap;

use deadpool_postgres::Transaction;
use futures::future::try_join;
use learnflow_mastery::Fact;
use time::OffsetDateTime;
use uuid::Uuid;

pub use self::facts::FACTS;
pub(super) use self::{
    derived::{Change, topic, write},
    facts::{insert_facts, insert_resolutions},
};
use super::derived::{Derived, Owner, Resolved};
use crate::database::{DatabaseError, Statement};

// Locks the student, not the record: there is a student before there is a record. In the order of the ids, so that two
// replicas wait for one another instead of both waiting.
const LOCK: Statement = Statement {
    name: "record.lock",
    sql: "SELECT id, time_zone, role = 'student' AS is_student FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE",
};
// A statement of its own: it must see what was written before the lock was given.
const VERSIONS: Statement =
    Statement { name: "record.versions", sql: "SELECT student_id, version FROM records WHERE student_id = ANY ($1)" };
/// A student who is locked until the transaction ends.
#[derive(Clone, Debug)]
pub(super) struct Locked {
    pub owner: Owner,
    /// 0 without a record.
    pub version: i64,
}

/// All that is stored of one student's record.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// In no particular order.
    pub facts: Vec<Fact>,
    /// What teachers dealt with.
    pub resolved: Vec<Resolved>,
    /// What was computed.
    pub derived: Derived,
    /// When; `None` without a record.
    pub computed_at: Option<OffsetDateTime>,
}

/// Locks students; those without an account are missing from the result.
pub(super) async fn lock(
    transaction: &Transaction<'_>,
    students: &[Uuid],
) -> Result<HashMap<Uuid, Locked>, DatabaseError> {
    // Prepared first: then both are sent at once, and carried out in this order.
    let lock = transaction.prepare_cached(LOCK.sql).await?;
    let versions = transaction.prepare_cached(VERSIONS.sql).await?;
    let (users, versions) =
        try_join(transaction.query(&lock, &[&students]), transaction.query(&versions, &[&students])).await?;
    let versions: HashMap<Uuid, i64> = versions.iter().map(|row| (row.get("student_id"), row.get("version"))).collect();
    let locked = users.iter().map(|row| {
        let id = row.get("id");
        let owner = Owner { id, zone: row.get("time_zone"), is_student: row.get("is_student") };
        (id, Locked { owner, version: versions.get(&id).copied().unwrap_or_default() })
    });
    Ok(locked.collect())
}

/// Reads all that is stored of students.
pub(super) async fn load(
    transaction: &Transaction<'_>,
    students: &[Uuid],
) -> Result<HashMap<Uuid, Stored>, DatabaseError> {
    let mut found: HashMap<Uuid, Stored> = students.iter().map(|id| (*id, Stored::default())).collect();
    if students.is_empty() {
        return Ok(found);
    }
    let (told, derived) = try_join(facts::load(transaction, students), derived::load(transaction, students)).await?;
    let (facts, resolutions) = told;
    for (student, fact) in facts {
        if let Some(stored) = found.get_mut(&student) {
            stored.facts.push(fact);
        }
    }
    for (student, resolved) in resolutions {
        if let Some(stored) = found.get_mut(&student) {
            stored.resolved.push(resolved);
        }
    }
    for (student, (derived, computed_at)) in derived {
        if let Some(stored) = found.get_mut(&student) {
            (stored.derived, stored.computed_at) = (derived, computed_at);
        }
    }
    Ok(found)
}

pub(super) fn column<'a, R, T: 'a>(rows: &'a [R], field: impl Fn(&'a R) -> T) -> Vec<T> {
    rows.iter().map(field).collect()
}

fn damaged(what: &str) -> DatabaseError {
    DatabaseError::Refused {
        code: "damaged".to_owned(),
        message: format!("a stored {what} is damaged: restore it from a backup"),
        constraint: None,
    }
}

/// The students that have facts or anything computed, in the order of their ids.
pub(super) const STUDENTS: Statement = Statement {
    name: "record.students",
    sql: "SELECT id FROM users u WHERE id > $1
            AND (EXISTS (SELECT FROM facts WHERE student_id = u.id) OR EXISTS (SELECT FROM records WHERE student_id = u.id)
                 OR EXISTS (SELECT FROM progress WHERE user_id = u.id) OR EXISTS (SELECT FROM alerts WHERE student_id = u.id))
          ORDER BY id LIMIT $2",
};
