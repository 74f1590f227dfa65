//! Lists of assignments, and who did one.

use std::collections::BTreeSet;

use learnflow_proto::v1::{Assignment, AssignmentWork, GetAssignmentResponse};
use learnflow_sidecar::{Caller, Role};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::Status;
use uuid::Uuid;

use super::{for_student, for_teacher, give::no_such_assignment, work};
use crate::{
    access::caller_id,
    classes::{
        Classes,
        membership::{Joined, MEMBER},
    },
    database::{DatabaseError, Statement},
    page::Page,
    progress::{Position, end_of_time, write_position},
    vault::NAME,
};

/// Assignments as teachers see them, with how many students have one and how many of them did it.
macro_rules! for_teachers {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT a.*, c.name AS class_name,
                        (SELECT count(*) FROM class_members m
                         WHERE m.class_id = a.class_id AND (a.student_id IS NULL OR m.student_id = a.student_id))
                        AS students,
                        (SELECT count(*) FROM class_members m
                         WHERE m.class_id = a.class_id AND (a.student_id IS NULL OR m.student_id = a.student_id)
                           AND EXISTS (SELECT FROM submissions s WHERE s.exercise_id = a.exercise_id
                                       AND s.user_id = m.student_id AND s.status = 'passed'))
                        AS done
                 FROM assignments a JOIN classes c ON c.id = a.class_id ",
                $condition
            ),
        }
    };
}

/// One assignment.
pub const GET: Statement = for_teachers!("assignments.get", "WHERE a.id = $1");
/// A class's.
pub const LIST_CLASS: Statement = for_teachers!(
    "assignments.list_class",
    "WHERE a.class_id = $4 AND (a.created_at, a.id) < ($1, $2) ORDER BY a.created_at DESC, a.id DESC LIMIT $3"
);
/// Those of all classes of a teacher.
pub const LIST_TAUGHT: Statement = for_teachers!(
    "assignments.list_taught",
    "WHERE a.class_id IN (SELECT id FROM classes WHERE teacher_id = $4) AND (a.created_at, a.id) < ($1, $2)
     ORDER BY a.created_at DESC, a.id DESC LIMIT $3"
);
/// Those given to a student, in one class or in all.
pub const LIST_STUDENT: Statement = Statement {
    name: "assignments.list_student",
    sql: "SELECT a.*, w.* FROM assignments a
               CROSS JOIN LATERAL (SELECT count(*) AS attempts, max(s.score) AS best,
                                          min(s.submitted_at) FILTER (WHERE s.status = 'passed') AS done_at
                                   FROM submissions s WHERE s.exercise_id = a.exercise_id AND s.user_id = $4) w
          WHERE a.class_id IN (SELECT m.class_id FROM class_members m
                               WHERE m.student_id = $4 AND ($5::uuid IS NULL OR m.class_id = $5))
            AND a.status = 'assigned' AND (a.student_id IS NULL OR a.student_id = $4)
            AND (a.created_at, a.id) < ($1, $2)
          ORDER BY a.created_at DESC, a.id DESC LIMIT $3",
};
/// One of a student's.
pub const GET_STUDENT: Statement = Statement {
    name: "assignments.get_student",
    sql: "SELECT a.*, w.* FROM assignments a JOIN class_members m ON m.class_id = a.class_id AND m.student_id = $2
               CROSS JOIN LATERAL (SELECT count(*) AS attempts, max(s.score) AS best,
                                          min(s.submitted_at) FILTER (WHERE s.status = 'passed') AS done_at
                                   FROM submissions s WHERE s.exercise_id = a.exercise_id AND s.user_id = $2) w
          WHERE a.id = $1 AND a.status = 'assigned' AND (a.student_id IS NULL OR a.student_id = $2)",
};
/// A page of the students who have an assignment, and how they stand with it.
pub const WORK: Statement = Statement {
    name: "assignments.work",
    sql: "SELECT m.student_id, m.joined_at, u.name, u.name_sealed, u.data_key, w.* FROM class_members m JOIN users u ON u.id = m.student_id
               CROSS JOIN LATERAL (SELECT count(*) AS attempts, max(s.score) AS best,
                                          min(s.submitted_at) FILTER (WHERE s.status = 'passed') AS done_at
                                   FROM submissions s WHERE s.exercise_id = $6 AND s.user_id = m.student_id) w
          WHERE m.class_id = $1 AND ($5::uuid IS NULL OR m.student_id = $5) AND (m.joined_at, m.student_id) > ($2, $3)
          ORDER BY m.joined_at, m.student_id LIMIT $4",
};

impl Classes {
    /// A page of assignments, newest first: a student's own, or those of a teacher's classes.
    pub(crate) async fn assignments(
        &self,
        caller: &Caller,
        class: Option<Uuid>,
        page: &Page<Position>,
    ) -> Result<(Vec<Assignment>, String), Status> {
        let (user, limit) = (caller_id(caller)?, page.limit());
        let (before, id) = page.after.unwrap_or((end_of_time(), Uuid::max()));
        let is_student = caller.role == Role::Student;
        let mut rows = match class {
            _ if is_student => {
                if let Some(class) = class
                    && self.database.find(&MEMBER, &[&class, &user]).await?.is_none()
                {
                    return Err(Status::permission_denied("you are not in this class"));
                }
                self.database.query(&LIST_STUDENT, &[&before, &id, &limit, &user, &class]).await?
            }
            Some(class) => {
                self.taught(caller, class).await?;
                self.database.query(&LIST_CLASS, &[&before, &id, &limit, &class]).await?
            }
            None => self.database.query(&LIST_TAUGHT, &[&before, &id, &limit, &user]).await?,
        };
        let next = page.cut(&mut rows, |row| write_position(row.get("created_at"), row.get("id")));
        if is_student {
            return Ok((rows.iter().map(|row| for_student(row, user)).collect(), next));
        }
        // A number of those who did it is no word about anybody, except where there is only one.
        let single: BTreeSet<Uuid> = rows.iter().filter_map(|row| row.get("student_id")).collect();
        let single: Vec<Uuid> = single.into_iter().collect();
        self.access.audit().note(caller, "assignments.read", &single).await?;
        Ok((rows.iter().map(for_teacher).collect(), next))
    }

    /// An assignment with its exercise; for the teacher, a page of the students who have it.
    pub(crate) async fn assignment(
        &self,
        caller: &Caller,
        id: Uuid,
        page: &Page<Joined>,
    ) -> Result<GetAssignmentResponse, Status> {
        let exercise =
            async |row: &Row| self.exercise(row.get::<_, Option<&str>>("exercise_id").unwrap_or_default()).await;
        if caller.role == Role::Student {
            let student = caller_id(caller)?;
            let row = self.database.find(&GET_STUDENT, &[&id, &student]).await?.ok_or_else(no_such_assignment)?;
            let exercise = exercise(&row).await?;
            let assignment = Some(for_student(&row, student));
            return Ok(GetAssignmentResponse { assignment, exercise, ..GetAssignmentResponse::default() });
        }
        let row = self.own_assignment(caller, id).await?;
        let exercise = exercise(&row).await?;
        let (students, next_page_token) = self.work(caller, &row, page).await?;
        Ok(GetAssignmentResponse { assignment: Some(for_teacher(&row)), exercise, students, next_page_token })
    }

    async fn work(
        &self,
        caller: &Caller,
        assignment: &Row,
        page: &Page<Joined>,
    ) -> Result<(Vec<AssignmentWork>, String), Status> {
        let (class, only): (Uuid, Option<Uuid>) = (assignment.get("class_id"), assignment.get("student_id"));
        let exercise: Option<&str> = assignment.get("exercise_id");
        let (after, id) = page.after.unwrap_or((OffsetDateTime::UNIX_EPOCH, Uuid::nil()));
        let mut rows = self.database.query(&WORK, &[&class, &after, &id, &page.limit(), &only, &exercise]).await?;
        let next = page.cut(&mut rows, |row| write_position(row.get("joined_at"), row.get("student_id")));
        let students: Vec<Uuid> = rows.iter().map(|row| row.get("student_id")).collect();
        self.access.audit().note(caller, "assignment.read", &students).await?;
        let (due, now) = (assignment.get("due"), OffsetDateTime::now_utc());
        let student = |(row, id): (&Row, &Uuid)| {
            let name = Some(self.database.vault().text(NAME, *id, row)?);
            Ok(AssignmentWork { name, ..work(row, *id, due, now) })
        };
        let students = rows.iter().zip(&students).map(student).collect::<Result<_, DatabaseError>>()?;
        Ok((students, next))
    }
}
