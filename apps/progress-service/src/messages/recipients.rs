//! Who is told.

use learnflow_proto::v1::store_notifications_request::Recipients;
use tonic::Status;
use uuid::Uuid;

use crate::{
    database::{Database, Statement},
    users::{some_id, user_id},
};

/// More than this at once is refused: the answer would be too large for one message.
const MOST: i64 = 40_000;

// Everybody wants everything until they choose. $1: the kind, $2: the limit.
macro_rules! recipients {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT u.id FROM users u LEFT JOIN notification_subscriptions s ON s.user_id = u.id
                 WHERE (s.kinds IS NULL OR $1 = ANY (s.kinds)) AND ",
                $condition,
                " ORDER BY u.id LIMIT $2"
            ),
        }
    };
}

/// Some users.
pub const USERS: Statement = recipients!("recipients.users", "u.id = ANY ($3::uuid[])");
/// The students of a class.
pub const CLASS: Statement = recipients!(
    "recipients.class",
    "EXISTS (SELECT 1 FROM class_members m WHERE m.class_id = $3 AND m.student_id = u.id)"
);
/// The teachers of a student's classes, or the admins.
pub const TEACHERS: Statement = recipients!(
    "recipients.teachers",
    "CASE WHEN EXISTS (SELECT 1 FROM class_members WHERE student_id = $3)
          THEN u.id IN (SELECT c.teacher_id FROM classes c JOIN class_members m ON m.class_id = c.id WHERE m.student_id = $3)
          ELSE u.role = 'admin' END"
);
/// All users.
pub const ALL: Statement = recipients!("recipients.all", "true");
/// All students of a teacher.
pub const STUDENTS: Statement = recipients!(
    "recipients.students",
    "u.id IN (SELECT m.student_id FROM class_members m JOIN classes c ON c.id = m.class_id WHERE c.teacher_id = $3)"
);

/// Of some users, those who are no students of the teacher $2.
pub const STRANGERS: Statement = Statement {
    name: "recipients.strangers",
    sql: "SELECT id FROM unnest($1::uuid[]) AS wanted (id)
          WHERE NOT EXISTS (SELECT 1 FROM class_members m JOIN classes c ON c.id = m.class_id
                            WHERE c.teacher_id = $2 AND m.student_id = wanted.id) LIMIT 1",
};
/// Whose class it is.
pub const CLASS_TEACHER: Statement =
    Statement { name: "recipients.class_teacher", sql: "SELECT teacher_id FROM classes WHERE id = $1" };

/// Finds who is told of a kind; checks that the teacher, if one sends it, may write to them.
///
/// # Errors
/// `PERMISSION_DENIED` when a teacher may not, `NOT_FOUND` for a class that does not exist.
pub async fn find(
    database: &Database,
    kind: &str,
    recipients: &Recipients,
    teacher: Option<Uuid>,
) -> Result<Vec<Uuid>, Status> {
    let limit = MOST + 1;
    let rows = match (recipients, teacher) {
        (Recipients::Users(users), teacher) => {
            let wanted = users.ids.iter().map(|id| user_id(id, "user_ids")).collect::<Result<Vec<_>, _>>()?;
            if let Some(teacher) = teacher
                && database.find(&STRANGERS, &[&wanted, &teacher]).await?.is_some()
            {
                return Err(Status::permission_denied("teachers write to the students of their own classes"));
            }
            database.query(&USERS, &[&kind, &limit, &wanted]).await
        }
        (Recipients::ClassId(class), teacher) => {
            let class = some_id(class, "class_id", "a class id")?;
            let owner = database.find(&CLASS_TEACHER, &[&class]).await?;
            let owner = owner.ok_or_else(|| Status::not_found("there is no class with this id"))?;
            if teacher.is_some_and(|teacher| teacher != owner.get::<_, Uuid>("teacher_id")) {
                return Err(Status::permission_denied("this is another teacher's class"));
            }
            database.query(&CLASS, &[&kind, &limit, &class]).await
        }
        (Recipients::TeachersOf(student), _) => {
            let student = user_id(student, "teachers_of")?;
            database.query(&TEACHERS, &[&kind, &limit, &student]).await
        }
        (Recipients::Everyone(_), None) => database.query(&ALL, &[&kind, &limit]).await,
        (Recipients::Everyone(_), Some(teacher)) => database.query(&STUDENTS, &[&kind, &limit, &teacher]).await,
    }?;
    if rows.len() > usize::try_from(MOST).unwrap_or_default() {
        return Err(Status::failed_precondition(format!(
            "more than {MOST} recipients: write to one class after another"
        )));
    }
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
