//! A class at a glance: a page of students, and the class as a whole.

use std::collections::BTreeMap;

use futures::future::try_join;
use learnflow_proto::v1::{ClassSummary, StudentProgress};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::Status;
use uuid::Uuid;

use super::{Classes, membership::Joined};
use crate::{
    database::{DatabaseError, Statement},
    page::Page,
    progress::write_position,
    users::timestamp,
    vault::NAME,
};

/// A page of a class's students with all that is shown of each.
pub const STUDENTS: Statement = Statement {
    name: "classes.students",
    sql:
        "SELECT m.student_id, m.joined_at, u.name, u.name_sealed, u.data_key, coalesce(r.streak_days, 0) AS streak_days,
                 (SELECT max(f.occurred_at) FROM facts f WHERE f.student_id = m.student_id) AS last_activity,
                 (SELECT count(*) FROM alerts a
                  WHERE a.student_id = m.student_id AND a.resolved_at IS NULL AND NOT a.withdrawn) AS open_alerts,
                 ARRAY(SELECT p.topic_id FROM progress p WHERE p.user_id = m.student_id ORDER BY p.topic_id) AS topics,
                 ARRAY(SELECT p.mastery FROM progress p WHERE p.user_id = m.student_id ORDER BY p.topic_id) AS mastery
          FROM class_members m JOIN users u ON u.id = m.student_id LEFT JOIN records r ON r.student_id = m.student_id
          WHERE m.class_id = $1 AND (m.joined_at, m.student_id) > ($2, $3)
          ORDER BY m.joined_at, m.student_id LIMIT $4",
};
/// The counts of a class.
pub const SUMMARY: Statement = Statement {
    name: "classes.summary",
    sql: "SELECT count(*) AS students, count(*) FILTER (WHERE r.last_active >= current_date - 6) AS active,
                 coalesce(sum(a.open), 0)::bigint AS alerts, count(*) FILTER (WHERE a.open > 0) AS struggling
          FROM class_members m LEFT JOIN records r ON r.student_id = m.student_id
               LEFT JOIN LATERAL (SELECT count(*) AS open FROM alerts a
                                  WHERE a.student_id = m.student_id AND a.resolved_at IS NULL AND NOT a.withdrawn) a ON true
          WHERE m.class_id = $1",
};
/// The mastery of a class by topic, summed up.
pub const MASTERY: Statement = Statement {
    name: "classes.mastery",
    sql: "SELECT p.topic_id, sum(p.mastery) AS mastery FROM class_members m JOIN progress p ON p.user_id = m.student_id
          WHERE m.class_id = $1 GROUP BY p.topic_id",
};

impl Classes {
    /// A page of students and the token of the next one; one statement, however many there are.
    pub(super) async fn students(
        &self,
        class: Uuid,
        page: &Page<Joined>,
    ) -> Result<(Vec<StudentProgress>, String), Status> {
        let (after, id) = page.after.unwrap_or((OffsetDateTime::UNIX_EPOCH, Uuid::nil()));
        let mut rows = self.database.query(&STUDENTS, &[&class, &after, &id, &page.limit()]).await?;
        let next = page.cut(&mut rows, |row| write_position(row.get("joined_at"), row.get("student_id")));
        Ok((rows.iter().map(|row| self.student(row)).collect::<Result<_, _>>()?, next))
    }

    fn student(&self, row: &Row) -> Result<StudentProgress, DatabaseError> {
        let id: Uuid = row.get("student_id");
        let (topics, mastery): (Vec<&str>, Vec<f64>) = (row.get("topics"), row.get("mastery"));
        Ok(StudentProgress {
            user_id: id.to_string(),
            name: self.database.vault().text(NAME, id, row)?,
            modules: self.reader.modules_of(&topics.into_iter().zip(mastery).collect()),
            streak_days: u32::try_from(row.get::<_, i32>("streak_days")).unwrap_or_default(),
            last_activity_at: row.get::<_, Option<OffsetDateTime>>("last_activity").map(timestamp),
            open_alerts: count(row, "open_alerts"),
        })
    }

    /// The class as a whole: a topic that a student has not begun counts 0 for them.
    pub(super) async fn summary(&self, class: Uuid) -> Result<ClassSummary, Status> {
        let database = &self.database;
        let (counts, mastery) =
            try_join(database.find(&SUMMARY, &[&class]), database.query(&MASTERY, &[&class])).await?;
        let counts = counts.ok_or_else(|| Status::internal("a count gave nothing"))?;
        let student_count = count(&counts, "students");
        let mean = |row: &Row| row.get::<_, f64>("mastery") / f64::from(student_count.max(1));
        let topics: BTreeMap<&str, f64> = mastery.iter().map(|row| (row.get("topic_id"), mean(row))).collect();
        Ok(ClassSummary {
            student_count,
            active_students: count(&counts, "active"),
            struggling_students: count(&counts, "struggling"),
            open_alerts: count(&counts, "alerts"),
            modules: self.reader.modules_of(&topics),
        })
    }
}

fn count(row: &Row, column: &str) -> u32 {
    u32::try_from(row.get::<_, i64>(column)).unwrap_or_default()
}
