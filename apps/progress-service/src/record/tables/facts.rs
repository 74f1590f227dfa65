//! What students did, and what teachers dealt with.

use std::str::FromStr as _;

use deadpool_postgres::GenericClient;
use learnflow_mastery::{CodeRun, Fact, FactKind, Resolution, Rule, Submission};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::column;
use crate::{
    database::{DatabaseError, Statement, query_in},
    record::{
        derived::Resolved,
        fact::{StudentFact, difficulty, outcome, outcome_word},
    },
};

/// Of a student without an account nothing is kept: it was erased.
const INSERT_FACTS: Statement = Statement {
    name: "facts.insert",
    sql: "INSERT INTO facts (id, student_id, topic_id, kind, occurred_at, exercise_id, difficulty, outcome, score,
                             error_type, source, level)
          SELECT f.* FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::text[],
                                 $7::text[], $8::text[], $9::smallint[], $10::text[], $11::text[], $12::text[])
                 AS f (id, student_id, topic_id, kind, occurred_at, exercise_id, difficulty, outcome, score, error_type,
                       source, level)
          JOIN users u ON u.id = f.student_id
          ON CONFLICT (id) DO NOTHING RETURNING id",
};
const INSERT_RESOLUTIONS: Statement = Statement {
    name: "resolutions.insert",
    sql: "INSERT INTO resolutions (alert_id, student_id, kind, topic_id, resolved_at, resolved_by)
          SELECT a.id, a.student_id, a.kind, a.topic_id, $3, u.id
          FROM unnest($1::uuid[], $2::uuid[]) AS r (alert_id, teacher_id)
          JOIN alerts a ON a.id = r.alert_id LEFT JOIN users u ON u.id = r.teacher_id
          ON CONFLICT (alert_id) DO NOTHING RETURNING alert_id, student_id, kind, topic_id, resolved_at",
};
/// All facts of students.
pub const FACTS: Statement = Statement {
    name: "facts.of_students",
    sql:
        "SELECT id, student_id, topic_id, kind, occurred_at, exercise_id, difficulty, outcome, score, error_type, level
          FROM facts WHERE student_id = ANY ($1)",
};
/// The facts of students, each on one topic; then those without a topic.
pub const TOPIC_FACTS: Statement = Statement {
    name: "facts.of_topics",
    sql:
        "SELECT f.id, f.student_id, f.topic_id, f.kind, f.occurred_at, f.exercise_id, f.difficulty, f.outcome, f.score,
                 f.error_type, f.level
          FROM unnest($1::uuid[], $2::text[]) AS wanted (student_id, topic_id)
          JOIN facts f ON f.student_id = wanted.student_id AND f.topic_id = wanted.topic_id
          UNION ALL
          SELECT id, student_id, topic_id, kind, occurred_at, exercise_id, difficulty, outcome, score, error_type, level
          FROM facts WHERE student_id = ANY ($3) AND topic_id IS NULL",
};
const RESOLUTIONS: Statement = Statement {
    name: "resolutions.of_students",
    sql: "SELECT alert_id, student_id, kind, topic_id, resolved_at FROM resolutions WHERE student_id = ANY ($1)",
};
/// Those of a batch of changes.
pub(super) const STATEMENTS: [&Statement; 5] = [&INSERT_FACTS, &INSERT_RESOLUTIONS, &FACTS, &TOPIC_FACTS, &RESOLUTIONS];

/// Inserts the facts that are not there yet and returns their ids.
pub(in crate::record) async fn insert_facts(
    transaction: &impl GenericClient,
    facts: &[&StudentFact],
) -> Result<Vec<Uuid>, DatabaseError> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let columns: Vec<Columns<'_>> = facts.iter().map(|fact| Columns::of(&fact.fact.kind)).collect();
    let rows = query_in(
        transaction,
        &INSERT_FACTS,
        &[
            &column(facts, |fact| fact.fact.id),
            &column(facts, |fact| fact.student),
            &column(facts, |fact| fact.fact.topic.as_deref()),
            &column(&columns, |fact| fact.kind),
            &column(facts, |fact| fact.fact.at),
            &column(&columns, |fact| fact.exercise),
            &column(&columns, |fact| fact.difficulty),
            &column(&columns, |fact| fact.outcome),
            &column(&columns, |fact| fact.score),
            &column(&columns, |fact| fact.error_type),
            &column(facts, |fact| fact.source.as_str()),
            &column(&columns, |fact| fact.level),
        ],
    )
    .await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// Notes which teachers dealt with which alerts, and returns what is new of it by student.
pub(in crate::record) async fn insert_resolutions(
    transaction: &impl GenericClient,
    resolutions: &[(Uuid, Uuid)],
    at: OffsetDateTime,
) -> Result<Vec<(Uuid, Resolved)>, DatabaseError> {
    if resolutions.is_empty() {
        return Ok(Vec::new());
    }
    let (alerts, teachers): (Vec<_>, Vec<_>) = resolutions.iter().copied().unzip();
    let rows = query_in(transaction, &INSERT_RESOLUTIONS, &[&alerts, &teachers, &at]).await?;
    rows.iter().map(resolved).collect()
}

/// All facts of students.
pub(super) async fn of_students(
    client: &impl GenericClient,
    students: &[Uuid],
) -> Result<Vec<(Uuid, Fact)>, DatabaseError> {
    if students.is_empty() {
        return Ok(Vec::new());
    }
    query_in(client, &FACTS, &[&students]).await?.iter().map(student_fact).collect()
}

/// The facts of students on topics.
pub(super) async fn of_topics(
    client: &impl GenericClient,
    topics: &[(Uuid, String)],
) -> Result<Vec<(Uuid, Fact)>, DatabaseError> {
    if topics.is_empty() {
        return Ok(Vec::new());
    }
    let without: Vec<Uuid> = topics.iter().filter(|(_, topic)| topic.is_empty()).map(|(student, _)| *student).collect();
    let (students, topics) = (column(topics, |(student, _)| *student), column(topics, |(_, topic)| topic.as_str()));
    query_in(client, &TOPIC_FACTS, &[&students, &topics, &without]).await?.iter().map(student_fact).collect()
}

/// What teachers dealt with of students.
pub(super) async fn resolutions(
    client: &impl GenericClient,
    students: &[Uuid],
) -> Result<Vec<(Uuid, Resolved)>, DatabaseError> {
    if students.is_empty() {
        return Ok(Vec::new());
    }
    query_in(client, &RESOLUTIONS, &[&students]).await?.iter().map(resolved).collect()
}

fn student_fact(row: &Row) -> Result<(Uuid, Fact), DatabaseError> {
    Ok((row.get("student_id"), fact(row)?))
}

/// The columns of a fact beside those that every fact has.
struct Columns<'a> {
    kind: &'static str,
    exercise: Option<&'a str>,
    difficulty: Option<&'static str>,
    outcome: Option<&'static str>,
    score: Option<i16>,
    error_type: Option<&'a str>,
    level: Option<&'static str>,
}

impl<'a> Columns<'a> {
    fn of(kind: &'a FactKind) -> Self {
        let plain = |kind| Self {
            kind,
            exercise: None,
            difficulty: None,
            outcome: None,
            score: None,
            error_type: None,
            level: None,
        };
        match kind {
            FactKind::Submission(submission) => Self {
                exercise: Some(&submission.exercise),
                difficulty: Some(submission.difficulty.as_str()),
                outcome: Some(outcome_word(submission.outcome)),
                score: Some(submission.score.into()),
                error_type: submission.error_type.as_deref(),
                ..plain("submission")
            },
            FactKind::QuizAttempt { score } => Self { score: Some((*score).into()), ..plain("quiz_attempt") },
            FactKind::CodeReview { rating } => Self { score: Some((*rating).into()), ..plain("code_review") },
            FactKind::CodeRun(run) => Self {
                exercise: run.exercise.as_deref(),
                outcome: Some(outcome_word(run.outcome)),
                error_type: run.error_type.as_deref(),
                ..plain("code_run")
            },
            FactKind::SaidStuck => plain("said_stuck"),
            FactKind::Placement { level } => Self { level: Some(level.as_str()), ..plain("placement") },
            FactKind::Activity { exercise } => Self { exercise: exercise.as_deref(), ..plain("activity") },
        }
    }
}

fn fact(row: &Row) -> Result<Fact, DatabaseError> {
    let damaged = || DatabaseError::damaged("fact");
    let score = || row.get::<_, Option<i16>>("score").and_then(|score| u8::try_from(score).ok()).ok_or_else(damaged);
    let ended = || row.get::<_, Option<&str>>("outcome").and_then(outcome).ok_or_else(damaged);
    let exercise: Option<String> = row.get("exercise_id");
    let kind = match row.get("kind") {
        "submission" => FactKind::Submission(Submission {
            exercise: exercise.ok_or_else(damaged)?,
            difficulty: row.get::<_, Option<&str>>("difficulty").and_then(difficulty).ok_or_else(damaged)?,
            outcome: ended()?,
            score: score()?,
            error_type: row.get("error_type"),
            seconds: None,
        }),
        "quiz_attempt" => FactKind::QuizAttempt { score: score()? },
        "code_review" => FactKind::CodeReview { rating: score()? },
        "code_run" => FactKind::CodeRun(CodeRun { exercise, outcome: ended()?, error_type: row.get("error_type") }),
        "said_stuck" => FactKind::SaidStuck,
        "placement" => FactKind::Placement {
            level: row.get::<_, Option<&str>>("level").and_then(|word| word.parse().ok()).ok_or_else(damaged)?,
        },
        "activity" => FactKind::Activity { exercise },
        _ => return Err(damaged()),
    };
    Ok(Fact { id: row.get("id"), at: row.get("occurred_at"), topic: row.get("topic_id"), kind })
}

fn resolved(row: &Row) -> Result<(Uuid, Resolved), DatabaseError> {
    let rule = Rule::from_str(row.get("kind")).map_err(|_| DatabaseError::damaged("resolution"))?;
    let resolution = Resolution { at: row.get("resolved_at"), rule, topic: row.get("topic_id") };
    Ok((row.get("student_id"), Resolved { alert: row.get("alert_id"), resolution }))
}
