//! A student's weeks: computed from the facts when somebody asks for them and the record has changed since, and kept for
//! the next one who asks. So a busy student's facts cost nothing here, and what is read is never outdated.

mod compute;

use deadpool_postgres::Transaction;
use learnflow_mastery::{Fact, MasteryConfig, ZoneHistory};
use learnflow_proto::v1 as messages;
use time::{Date, OffsetDateTime, format_description::well_known::Iso8601};
use tokio_postgres::Row;
use uuid::Uuid;

pub use self::compute::{Week, weeks};
use super::{
    derived::Owner,
    fact::micros,
    tables::{self, Wanted, column},
};
use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    page::Page,
};

/// As of which version the record is, and as of which the weeks are.
pub const VERSIONS: Statement = Statement {
    name: "weeks.versions",
    sql: "SELECT version, weeks_version, weeks_at FROM records WHERE student_id = $1",
};
/// A page of a student's weeks, newest first.
pub const LIST: Statement = Statement {
    name: "weeks.list",
    sql: "SELECT * FROM weekly_aggregates WHERE user_id = $1 AND week < $2 ORDER BY week DESC LIMIT $3",
};
/// All of a student's weeks.
pub const ALL: Statement =
    Statement { name: "weeks.all", sql: "SELECT * FROM weekly_aggregates WHERE user_id = $1 ORDER BY week" };
const REMOVE: Statement = Statement { name: "weeks.remove", sql: "DELETE FROM weekly_aggregates WHERE user_id = $1" };
const WRITE: Statement = Statement {
    name: "weeks.write",
    sql: "INSERT INTO weekly_aggregates (user_id, week, active_days, runs, failed_runs, submissions, passed, quiz_attempts,
                                         topics, said_stuck, mastery_before, mastery_after)
          SELECT $1, w.* FROM unnest($2::date[], $3::smallint[], $4::integer[], $5::integer[], $6::integer[],
                                     $7::integer[], $8::integer[], $9::integer[], $10::integer[], $11::float8[],
                                     $12::float8[]) AS w",
};
const WRITTEN: Statement = Statement {
    name: "weeks.written",
    sql: "UPDATE records SET weeks_version = version, weeks_at = $2 WHERE student_id = $1",
};

/// A page of a student's weeks, newest first, and the token of the next page.
///
/// # Errors
/// [`DatabaseError`] when they cannot be read.
pub async fn list(
    database: &Database,
    config: &MasteryConfig,
    student: Uuid,
    page: &Page<Date>,
) -> Result<(Vec<Week>, String), DatabaseError> {
    let versions = database.find(&VERSIONS, &[&student]).await?;
    let current = |row: &Row| row.get::<_, Option<i64>>("weeks_version") == Some(row.get("version"));
    if versions.as_ref().is_some_and(|row| !current(row)) {
        renew(database, config, student).await?;
    }
    let before = page.after.unwrap_or(Date::MAX);
    let mut rows = database.query(&LIST, &[&student, &before, &page.limit()]).await?;
    let next = page.cut(&mut rows, |row| row.get::<_, Date>("week").to_string());
    Ok((rows.iter().map(week).collect(), next))
}

/// Computes a student's weeks anew.
async fn renew(database: &Database, config: &MasteryConfig, student: Uuid) -> Result<(), DatabaseError> {
    let mut client = database.client().await?;
    let transaction = client.transaction().await?;
    let locked = tables::lock(&transaction, &[student]).await?;
    let Some(locked) = locked.get(&student) else { return Ok(()) };
    let wanted = Wanted { whole: vec![student], ..Wanted::default() };
    let found = tables::load(&transaction, &wanted).await?.remove(&student).unwrap_or_default();
    let now = micros(OffsetDateTime::now_utc());
    write(&transaction, student, &weeks(&found.facts, &zones(&locked.owner), now, config), now).await?;
    transaction.commit().await?;
    Ok(())
}

/// Where the stored weeks differ from those that follow from the facts. Weeks that nobody has asked for since the record
/// changed are not compared: they will be computed before they are shown.
pub(super) async fn differences(
    transaction: &Transaction<'_>,
    owner: &Owner,
    facts: &[Fact],
    config: &MasteryConfig,
    repair: bool,
) -> Result<Vec<String>, DatabaseError> {
    let Some(versions) = query_in(transaction, &VERSIONS, &[&owner.id]).await?.pop() else { return Ok(Vec::new()) };
    let (version, at): (Option<i64>, Option<OffsetDateTime>) =
        (versions.get("weeks_version"), versions.get("weeks_at"));
    let Some(at) = at.filter(|_| version == Some(versions.get("version"))) else { return Ok(Vec::new()) };
    let stored: Vec<Week> = query_in(transaction, &ALL, &[&owner.id]).await?.iter().map(week).collect();
    let wanted = weeks(facts, &zones(owner), at, config);
    if stored == wanted {
        return Ok(Vec::new());
    }
    if repair {
        let now = micros(OffsetDateTime::now_utc());
        write(transaction, owner.id, &weeks(facts, &zones(owner), now, config), now).await?;
    }
    Ok(vec![format!("weeks: stored {stored:?}, computed {wanted:?}")])
}

async fn write(
    transaction: &Transaction<'_>,
    student: Uuid,
    weeks: &[Week],
    at: OffsetDateTime,
) -> Result<(), DatabaseError> {
    query_in(transaction, &REMOVE, &[&student]).await?;
    query_in(
        transaction,
        &WRITE,
        &[
            &student,
            &column(weeks, |week| week.monday),
            &column(weeks, |week| week.active_days),
            &column(weeks, |week| week.runs),
            &column(weeks, |week| week.failed_runs),
            &column(weeks, |week| week.submissions),
            &column(weeks, |week| week.passed),
            &column(weeks, |week| week.quiz_attempts),
            &column(weeks, |week| week.topics),
            &column(weeks, |week| week.said_stuck),
            &column(weeks, |week| week.mastery_before),
            &column(weeks, |week| week.mastery_after),
        ],
    )
    .await?;
    query_in(transaction, &WRITTEN, &[&student, &at]).await?;
    Ok(())
}

/// A zone that this build does not know must not cost a student their weeks.
fn zones(owner: &Owner) -> ZoneHistory {
    ZoneHistory::constant(&owner.zone).unwrap_or_default()
}

fn week(row: &Row) -> Week {
    Week {
        monday: row.get("week"),
        active_days: row.get("active_days"),
        runs: row.get("runs"),
        failed_runs: row.get("failed_runs"),
        submissions: row.get("submissions"),
        passed: row.get("passed"),
        quiz_attempts: row.get("quiz_attempts"),
        topics: row.get("topics"),
        said_stuck: row.get("said_stuck"),
        mastery_before: row.get("mastery_before"),
        mastery_after: row.get("mastery_after"),
    }
}

/// A week as it is shown, where the curriculum has so many topics.
pub(crate) fn message(week: &Week, topics: f64) -> messages::Week {
    let count = |count: i32| u32::try_from(count).unwrap_or_default();
    let (year, number, _) = week.monday.to_iso_week_date();
    messages::Week {
        monday: week.monday.to_string(),
        iso_week: format!("{year:04}-W{number:02}"),
        active_days: count(week.active_days.into()),
        runs: count(week.runs),
        failed_runs: count(week.failed_runs),
        submissions: count(week.submissions),
        passed: count(week.passed),
        quiz_attempts: count(week.quiz_attempts),
        topics: count(week.topics),
        said_stuck: count(week.said_stuck),
        mastery: week.mastery_after / topics,
        mastery_change: (week.mastery_after - week.mastery_before) / topics,
    }
}

/// Reads a date as it is written: "2026-11-16".
pub(crate) fn parse_date(text: &str) -> Option<Date> {
    Date::parse(text, &Iso8601::DATE).ok()
}
