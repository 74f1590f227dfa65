//! The placement quiz: where a student begins. Its attempt is stored once; the levels it gives go out as facts in the
//! same transaction, one per topic, and come back by `progress.events` like all others. They set the start of the
//! knowledge estimate and are shown as the starting level; they are no part of the mastery, for nothing was practised.

use learnflow_proto::{
    events::{PlacementGraded, ProgressRecorded, progress_recorded::Fact},
    topics::PROGRESS_EVENTS,
    v1::{PlacementLevel, RecordPlacementRequest},
};
use learnflow_sidecar::Context;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    record::outbox::{Outgoing, put},
    users::{some_id, timestamp},
};

const QUIZ: Statement = Statement {
    name: "placement.quiz",
    sql: "INSERT INTO quizzes (id, kind, questions) VALUES ($1, 'placement', $2) ON CONFLICT DO NOTHING",
};
const ATTEMPT: Statement = Statement {
    name: "placement.attempt",
    sql: "INSERT INTO quiz_attempts (id, user_id, quiz_id, score, answers, attempted_at, levels)
          VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id",
};
const EXISTS: Statement =
    Statement { name: "placement.exists", sql: "SELECT 1 FROM quiz_attempts WHERE id = $1 AND user_id = $2" };
const TOPICS: Statement = Statement {
    name: "placement.topics",
    sql: "SELECT t.id, l.level FROM unnest($1::text[], $2::text[]) AS l (module, level)
          JOIN topics t ON t.module_id = l.module ORDER BY t.id",
};
/// The levels of the attempt that counts.
pub const LEVELS: Statement = Statement {
    name: "placement.levels",
    sql: "SELECT levels FROM quiz_attempts WHERE user_id = $1 AND topic_id IS NULL AND reset_at IS NULL",
};
const RESET: Statement = Statement {
    name: "placement.reset",
    sql: "UPDATE quiz_attempts SET reset_at = now() WHERE user_id = $1 AND topic_id IS NULL AND reset_at IS NULL",
};

/// What a student's placement quiz said; nothing before they took it.
///
/// # Errors
/// `UNAVAILABLE` while the database is away.
pub async fn levels(database: &Database, student: Uuid) -> Result<Vec<PlacementLevel>, Status> {
    let Some(row) = database.find(&LEVELS, &[&student]).await? else { return Ok(Vec::new()) };
    serde_json::from_value(row.get::<_, Option<Value>>("levels").unwrap_or(json!([])))
        .map_err(|error| Status::internal(format!("the levels of a stored placement are damaged: {error}")))
}

/// Stores an attempt and sends its facts; the same attempt again is no error.
///
/// # Errors
/// `ALREADY_EXISTS` when the student has taken the quiz before, `NOT_FOUND` when they have no account.
pub async fn record(database: &Database, student: Uuid, request: RecordPlacementRequest) -> Result<(), Status> {
    let RecordPlacementRequest { attempt_id, content_version, answers, levels, score } = request;
    let attempt = some_id(&attempt_id, "attempt_id", "a UUID")?;
    let quiz = format!("placement/{content_version}");
    let questions: Value = answers.iter().map(|answer| json!(answer.question_id)).collect();
    let (score, now) = (i16::try_from(score).unwrap_or(i16::MAX), OffsetDateTime::now_utc());
    let (modules, words): (Vec<&str>, Vec<&str>) =
        levels.iter().map(|level| (level.module.as_str(), level.level.as_str())).unzip();

    let mut client = database.client().await?;
    let transaction = client.transaction().await.map_err(DatabaseError::from)?;
    query_in(&transaction, &QUIZ, &[&quiz, &questions]).await?;
    let (answers, stored_levels) = (json!(answers), json!(levels));
    let stored =
        query_in(&transaction, &ATTEMPT, &[&attempt, &student, &quiz, &score, &answers, &now, &stored_levels]).await;
    let stored = stored.map_err(|error| match error {
        error if error.violates("quiz_attempts_user_id_fkey") => Status::not_found("the caller has no account"),
        error => error.into(),
    })?;
    if stored.is_empty() {
        let is_known = !query_in(&transaction, &EXISTS, &[&attempt, &student]).await?.is_empty();
        return if is_known { Ok(()) } else { Err(taken()) };
    }
    let topics = query_in(&transaction, &TOPICS, &[&modules, &words]).await?;
    let context = Context::current();
    let events: Vec<_> = topics
        .iter()
        .map(|row| {
            let placed = PlacementGraded { attempt_id: attempt_id.clone(), level: row.get("level") };
            let event = ProgressRecorded {
                student_id: student.to_string(),
                topic: row.get("id"),
                occurred_at: Some(timestamp(now)),
                fact: Some(Fact::PlacementGraded(placed)),
            };
            Outgoing { key: student, event, context: &context }
        })
        .collect();
    put(&transaction, PROGRESS_EVENTS, &events).await?;
    transaction.commit().await.map_err(DatabaseError::from)?;
    Ok(())
}

/// Lets a student take the quiz again. Until they do, what the last attempt said stays true of them.
///
/// # Errors
/// `UNAVAILABLE` while the database is away.
pub async fn reset(database: &Database, student: Uuid) -> Result<(), Status> {
    database.query(&RESET, &[&student]).await?;
    Ok(())
}

fn taken() -> Status {
    Status::new(Code::AlreadyExists, "the placement quiz can be taken once: an administrator can let you take it again")
}
