//! What is computed: records, progress, alerts.

use std::{collections::HashMap, str::FromStr as _};

use deadpool_postgres::GenericClient;
use futures::future::{try_join, try_join4};
use learnflow_curriculum::Level;
use learnflow_mastery::{Ending, Rule};
use time::OffsetDateTime;
use tokio_postgres::Row;
use uuid::Uuid;

use super::column;
use crate::{
    database::{DatabaseError, Statement, query_in},
    record::derived::{AlertRow, Changed, Derived, TopicRow, ending_word},
};

const PROGRESS: Statement = Statement {
    name: "progress.of_students",
    sql: "SELECT p.*, p.user_id AS student_id FROM progress p WHERE user_id = ANY ($1)",
};
const ALERTS: Statement = Statement {
    name: "alerts.of_students",
    sql: "SELECT id, student_id, topic_id, kind, exercise_id, error_type, opened_at, last_at, signs, ending, ended_at,
                 resolved_at, withdrawn
          FROM alerts WHERE student_id = ANY ($1)",
};
const WRITE_PROGRESS: Statement = Statement {
    name: "progress.write",
    sql: "INSERT INTO progress (user_id, topic_id, mastery, level, exercises, quizzes, code_quality, consistency,
                                knowledge, next_review_at, runs, error_quotient, repeated_error_density, tries,
                                mastered_at_try, starting_level)
          SELECT * FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::text[], $5::float8[], $6::float8[], $7::float8[],
                               $8::float8[], $9::float8[], $10::timestamptz[], $11::integer[], $12::float8[],
                               $13::float8[], $14::integer[], $15::integer[], $16::text[])
          ON CONFLICT (user_id, topic_id) DO UPDATE
          SET (mastery, level, exercises, quizzes, code_quality, consistency, knowledge, next_review_at, runs,
               error_quotient, repeated_error_density, tries, mastered_at_try, starting_level) =
              (excluded.mastery, excluded.level, excluded.exercises, excluded.quizzes, excluded.code_quality,
               excluded.consistency, excluded.knowledge, excluded.next_review_at, excluded.runs, excluded.error_quotient,
               excluded.repeated_error_density, excluded.tries, excluded.mastered_at_try, excluded.starting_level)",
};
const REMOVE_PROGRESS: Statement = Statement {
    name: "progress.remove",
    sql: "DELETE FROM progress p USING unnest($1::uuid[], $2::text[]) AS gone (user_id, topic_id)
          WHERE p.user_id = gone.user_id AND p.topic_id = gone.topic_id",
};
const WRITE_ALERTS: Statement = Statement {
    name: "alerts.write",
    sql: "INSERT INTO alerts (id, student_id, topic_id, kind, message, exercise_id, error_type, opened_at, last_at, signs,
                              ending, ended_at, resolved_at, withdrawn)
          SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                               $8::timestamptz[], $9::timestamptz[], $10::integer[], $11::text[], $12::timestamptz[],
                               $13::timestamptz[], $14::boolean[])
          ON CONFLICT (id) DO UPDATE
          SET (message, exercise_id, error_type, opened_at, last_at, signs, ending, ended_at, resolved_at, withdrawn,
               resolved_by) =
              (excluded.message, excluded.exercise_id, excluded.error_type, excluded.opened_at, excluded.last_at,
               excluded.signs, excluded.ending, excluded.ended_at, excluded.resolved_at, excluded.withdrawn,
               (SELECT r.resolved_by FROM resolutions r
                WHERE r.alert_id = excluded.id AND r.resolved_at = excluded.resolved_at))",
};
const WRITE_RECORDS: Statement = Statement {
    name: "records.write",
    sql: "INSERT INTO records (student_id, version, streak_days, longest_streak_days, last_active, valid_until, basis,
                               next_fact_at, computed_at)
          SELECT r.*, $9 FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::integer[], $5::date[],
                                     $6::timestamptz[], $7::bigint[], $8::timestamptz[]) AS r
          ON CONFLICT (student_id) DO UPDATE
          SET (version, streak_days, longest_streak_days, last_active, valid_until, basis, next_fact_at, computed_at) =
              (excluded.version, excluded.streak_days, excluded.longest_streak_days, excluded.last_active,
               excluded.valid_until, excluded.basis, excluded.next_fact_at, excluded.computed_at)",
};

/// Those of a batch of changes.
pub(super) const STATEMENTS: [&Statement; 6] =
    [&PROGRESS, &ALERTS, &WRITE_PROGRESS, &REMOVE_PROGRESS, &WRITE_ALERTS, &WRITE_RECORDS];

/// Reads the topics and alerts that are computed for students.
pub(super) async fn load(
    client: &impl GenericClient,
    students: &[Uuid],
) -> Result<HashMap<Uuid, Derived>, DatabaseError> {
    let mut found: HashMap<Uuid, Derived> = HashMap::new();
    if students.is_empty() {
        return Ok(found);
    }
    let (progress, alerts) =
        try_join(query_in(client, &PROGRESS, &[&students]), query_in(client, &ALERTS, &[&students])).await?;
    for row in &progress {
        found.entry(row.get("student_id")).or_default().topics.insert(row.get("topic_id"), topic(row)?);
    }
    for row in &alerts {
        found.entry(row.get("student_id")).or_default().alerts.insert(row.get("id"), alert(row)?);
    }
    Ok(found)
}

/// What is to be written of one student.
pub(in crate::record) struct Change<'a> {
    pub student: Uuid,
    pub version: i64,
    pub after: &'a Derived,
    pub changed: &'a Changed,
}

/// Writes what has changed.
pub(in crate::record) async fn write(
    client: &impl GenericClient,
    changes: &[Change<'_>],
    at: OffsetDateTime,
) -> Result<(), DatabaseError> {
    if changes.is_empty() {
        return Ok(());
    }
    let (mut topics, mut gone, mut alerts) = (Vec::new(), Vec::new(), Vec::new());
    for Change { student, after, changed, .. } in changes {
        let rows = changed.topics.iter().filter_map(|id| Some((*student, id.as_str(), after.topics.get(id)?)));
        topics.extend(rows);
        gone.extend(changed.gone.iter().map(|id| (*student, id.as_str())));
        alerts.extend(changed.alerts.iter().filter_map(|id| Some((*student, *id, after.alerts.get(id)?))));
    }
    try_join4(
        write_topics(client, &topics),
        remove_topics(client, &gone),
        write_alerts(client, &alerts),
        write_records(client, changes, at),
    )
    .await?;
    Ok(())
}

async fn write_topics(client: &impl GenericClient, rows: &[(Uuid, &str, &TopicRow)]) -> Result<(), DatabaseError> {
    if rows.is_empty() {
        return Ok(());
    }
    let part = |index: usize| column(rows, |(_, _, row)| row.parts[index]);
    query_in(
        client,
        &WRITE_PROGRESS,
        &[
            &column(rows, |(student, ..)| *student),
            &column(rows, |(_, topic, _)| *topic),
            &column(rows, |(_, _, row)| row.mastery),
            &column(rows, |(_, _, row)| row.level),
            &part(0),
            &part(1),
            &part(2),
            &part(3),
            &column(rows, |(_, _, row)| row.knowledge),
            &column(rows, |(_, _, row)| row.next_review_at),
            &column(rows, |(_, _, row)| row.runs),
            &column(rows, |(_, _, row)| row.error_quotient),
            &column(rows, |(_, _, row)| row.repeated_error_density),
            &column(rows, |(_, _, row)| row.tries),
            &column(rows, |(_, _, row)| row.mastered_at_try),
            &column(rows, |(_, _, row)| row.starting_level),
        ],
    )
    .await
    .map(drop)
}

async fn remove_topics(client: &impl GenericClient, rows: &[(Uuid, &str)]) -> Result<(), DatabaseError> {
    if rows.is_empty() {
        return Ok(());
    }
    let (students, topics): (Vec<_>, Vec<_>) = rows.iter().copied().unzip();
    query_in(client, &REMOVE_PROGRESS, &[&students, &topics]).await.map(drop)
}

async fn write_alerts(client: &impl GenericClient, rows: &[(Uuid, Uuid, &AlertRow)]) -> Result<(), DatabaseError> {
    if rows.is_empty() {
        return Ok(());
    }
    query_in(
        client,
        &WRITE_ALERTS,
        &[
            &column(rows, |(_, id, _)| *id),
            &column(rows, |(student, ..)| *student),
            &column(rows, |(_, _, row)| row.topic.as_deref()),
            &column(rows, |(_, _, row)| row.rule.as_str()),
            &column(rows, |(_, _, row)| row.message()),
            &column(rows, |(_, _, row)| row.exercise.as_deref()),
            &column(rows, |(_, _, row)| row.error_type.as_deref()),
            &column(rows, |(_, _, row)| row.opened_at),
            &column(rows, |(_, _, row)| row.last_at),
            &column(rows, |(_, _, row)| row.signs),
            &column(rows, |(_, _, row)| row.ended.map(|(_, ending)| ending_word(ending))),
            &column(rows, |(_, _, row)| row.ended.map(|(at, _)| at)),
            &column(rows, |(_, _, row)| row.resolved_at),
            &column(rows, |(_, _, row)| row.withdrawn),
        ],
    )
    .await
    .map(drop)
}

async fn write_records(
    client: &impl GenericClient,
    changes: &[Change<'_>],
    at: OffsetDateTime,
) -> Result<(), DatabaseError> {
    query_in(
        client,
        &WRITE_RECORDS,
        &[
            &column(changes, |change| change.student),
            &column(changes, |change| change.version),
            &column(changes, |change| change.after.streak_days),
            &column(changes, |change| change.after.longest_streak_days),
            &column(changes, |change| change.after.last_active),
            &column(changes, |change| change.after.valid_until),
            &column(changes, |change| change.after.basis),
            &column(changes, |change| change.after.next_fact_at),
            &at,
        ],
    )
    .await
    .map(drop)
}

/// Reads a row of `progress`.
pub(in crate::record) fn topic(row: &Row) -> Result<TopicRow, DatabaseError> {
    let level = |word: &str| Level::from_str(word).map(Level::as_str).map_err(|_| DatabaseError::damaged("level"));
    Ok(TopicRow {
        mastery: row.get("mastery"),
        level: level(row.get("level"))?,
        parts: ["exercises", "quizzes", "code_quality", "consistency"].map(|part| row.get(part)),
        knowledge: row.get("knowledge"),
        next_review_at: row.get("next_review_at"),
        runs: row.get("runs"),
        error_quotient: row.get("error_quotient"),
        repeated_error_density: row.get("repeated_error_density"),
        tries: row.get("tries"),
        mastered_at_try: row.get("mastered_at_try"),
        starting_level: row.get::<_, Option<&str>>("starting_level").map(level).transpose()?,
    })
}

fn alert(row: &Row) -> Result<AlertRow, DatabaseError> {
    let endings = [Ending::Success, Ending::Resolved, Ending::Quiet];
    let ending = match row.get::<_, Option<&str>>("ending") {
        None => None,
        Some(word) => Some(
            endings
                .into_iter()
                .find(|ending| ending_word(*ending) == word)
                .ok_or_else(|| DatabaseError::damaged("alert"))?,
        ),
    };
    Ok(AlertRow {
        rule: Rule::from_str(row.get("kind")).map_err(|_| DatabaseError::damaged("alert"))?,
        topic: row.get("topic_id"),
        exercise: row.get("exercise_id"),
        error_type: row.get("error_type"),
        opened_at: row.get("opened_at"),
        last_at: row.get("last_at"),
        signs: row.get("signs"),
        ended: row.get::<_, Option<OffsetDateTime>>("ended_at").zip(ending),
        resolved_at: row.get("resolved_at"),
        withdrawn: row.get("withdrawn"),
    })
}
