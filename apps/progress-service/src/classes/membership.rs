//! Making classes, joining and leaving them.

use std::{collections::HashMap, time::Duration};

use learnflow_proto::v1::Class;
use learnflow_service::{DOMAIN, TOO_MANY, Violations};
use learnflow_sidecar::{Caller, Role};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use uuid::Uuid;

use super::{Classes, code};
use crate::{
    access::{caller_id, teacher},
    database::{DatabaseError, Statement},
    page::Page,
    users::check_name,
};

const INSERT: Statement = Statement {
    name: "classes.insert",
    sql: "INSERT INTO classes (id, teacher_id, name, join_code) VALUES ($1, $2, $3, $4)",
};
const RENEW: Statement =
    Statement { name: "classes.renew", sql: "UPDATE classes SET join_code = $2 WHERE id = $1 RETURNING id" };
const GET: Statement = Statement {
    name: "classes.get",
    sql: "SELECT id, name, join_code, teacher_id,
                 (SELECT count(*) FROM class_members m WHERE m.class_id = c.id) AS students
          FROM classes c WHERE id = $1",
};
const BY_CODE: Statement = Statement { name: "classes.by_code", sql: "SELECT id FROM classes WHERE join_code = $1" };
const JOIN: Statement = Statement {
    name: "classes.join",
    sql: "INSERT INTO class_members (class_id, student_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
};
const REMOVE: Statement = Statement {
    name: "classes.remove",
    sql: "DELETE FROM class_members WHERE class_id = $1 AND student_id = $2 RETURNING student_id",
};
/// Whether a student is in a class.
pub const MEMBER: Statement =
    Statement { name: "classes.member", sql: "SELECT 1 FROM class_members WHERE class_id = $1 AND student_id = $2" };
// Counted before the code is looked up: tries made at the same moment count too.
const TRY: Statement = Statement {
    name: "classes.try",
    sql: "INSERT INTO join_attempts AS a (user_id, since, attempts) VALUES ($1, now(), 1)
          ON CONFLICT (user_id) DO UPDATE
          SET (since, attempts) = (SELECT CASE WHEN old THEN now() ELSE a.since END,
                                          CASE WHEN old THEN 1 ELSE least(a.attempts, 1000) + 1 END
                                   FROM (SELECT a.since < now() - make_interval(secs => $2) AS old) AS age)
          RETURNING attempts, extract(epoch FROM since + make_interval(secs => $2) - now())::float8 AS seconds",
};
const RIGHT: Statement = Statement {
    name: "classes.right",
    sql: "UPDATE join_attempts SET attempts = attempts - 1 WHERE user_id = $1 AND attempts > 0",
};

/// A page of classes, by name.
macro_rules! list {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT id, name, join_code, teacher_id,
                        (SELECT count(*) FROM class_members m WHERE m.class_id = c.id) AS students
                 FROM classes c WHERE (name, id) > ($1, $2)",
                $condition,
                " ORDER BY name, id LIMIT $3"
            ),
        }
    };
}

/// All classes.
pub const LIST: Statement = list!("classes.list", "");
/// A teacher's.
pub const LIST_TAUGHT: Statement = list!("classes.list_taught", " AND teacher_id = $4");
/// Those a student has joined.
pub const LIST_JOINED: Statement =
    list!("classes.list_joined", " AND id IN (SELECT class_id FROM class_members WHERE student_id = $4)");

/// Wrong codes that a user may try within a while.
const TRIES: i32 = 10;
/// That while, in seconds.
const WHILE: f64 = 600.0;
/// New codes that may turn out to be taken: even one is very unlikely.
const CODES: usize = 5;

impl Classes {
    pub(super) async fn make(&self, caller: &Caller, name: &str) -> Result<(Uuid, String), Status> {
        teacher(caller, "making classes")?;
        let mut violations = Violations::default();
        check_name(&mut violations, name);
        violations.finish()?;
        let (id, owner) = (Uuid::now_v7(), caller_id(caller)?);
        for _ in 0..CODES {
            let code = code::new();
            match self.database.query(&INSERT, &[&id, &owner, &name, &code]).await {
                Ok(_) => return Ok((id, code)),
                Err(error) if error.violates("classes_join_code_key") => {}
                Err(error) => return Err(without_account(error, "classes_teacher_id_fkey")),
            }
        }
        Err(Status::unavailable("no free join code was found"))
    }

    pub(super) async fn renew(&self, class: Uuid) -> Result<(), Status> {
        for _ in 0..CODES {
            match self.database.query(&RENEW, &[&class, &code::new()]).await {
                Ok(_) => return Ok(()),
                Err(error) if error.violates("classes_join_code_key") => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Status::unavailable("no free join code was found"))
    }

    /// The class with this id.
    pub(super) async fn get(&self, class: Uuid) -> Result<Row, Status> {
        self.database.find(&GET, &[&class]).await?.ok_or_else(no_such_class)
    }

    /// The class with this id, for its teacher and for administrators.
    pub(crate) async fn taught(&self, caller: &Caller, class: Uuid) -> Result<Row, Status> {
        teacher(caller, "a class as a whole")?;
        let row = self.get(class).await?;
        if caller.role != Role::Admin && row.get::<_, Uuid>("teacher_id") != caller_id(caller)? {
            return Err(Status::permission_denied("this is another teacher's class"));
        }
        Ok(row)
    }

    pub(super) async fn list(&self, caller: &Caller, page: &Page<(String, Uuid)>) -> Result<Vec<Row>, Status> {
        let (user, limit) = (caller_id(caller)?, page.limit());
        let (name, id) = page.after.clone().unwrap_or_default();
        let rows = match caller.role {
            Role::Admin => self.database.query(&LIST, &[&name, &id, &limit]).await,
            Role::Teacher => self.database.query(&LIST_TAUGHT, &[&name, &id, &limit, &user]).await,
            Role::Student => self.database.query(&LIST_JOINED, &[&name, &id, &limit, &user]).await,
        };
        Ok(rows?)
    }

    /// Joins the class with this code; being in it already is no error.
    pub(super) async fn join(&self, caller: &Caller, typed: &str) -> Result<Uuid, Status> {
        if caller.role != Role::Student {
            return Err(Status::permission_denied("only students join classes"));
        }
        Violations::default().text(typed, "join_code", 100).finish()?;
        let student = caller_id(caller)?;
        let tried = self.database.find(&TRY, &[&student, &WHILE]).await;
        let tried = tried.map_err(|error| without_account(error, "join_attempts_user_id_fkey"))?;
        if let Some(tried) = tried.filter(|tried| tried.get::<_, i32>("attempts") > TRIES) {
            return Err(too_many(tried.get("seconds")));
        }
        let class = match code::read(typed) {
            Some(code) => self.database.find(&BY_CODE, &[&code]).await?,
            None => None,
        };
        let class: Uuid = class.ok_or_else(|| Status::not_found("no class has this join code"))?.get("id");
        self.database.query(&JOIN, &[&class, &student]).await?;
        self.database.query(&RIGHT, &[&student]).await?;
        Ok(class)
    }

    /// Takes a student out of a class. A teacher is told when the student was not in it; for a student who leaves, that
    /// is no error.
    pub(super) async fn remove(&self, caller: &Caller, class: Uuid, student: Uuid) -> Result<(), Status> {
        let leaves = caller.role == Role::Student;
        if leaves && caller_id(caller)? != student {
            return Err(Status::permission_denied("students leave classes themselves, and take nobody else out"));
        }
        if !leaves {
            self.taught(caller, class).await?;
            self.access.audit().note(caller, "class.remove", &[student]).await?;
        }
        let removed = self.database.query(&REMOVE, &[&class, &student]).await?;
        if removed.is_empty() && !leaves {
            return Err(Status::not_found("this student is not in the class"));
        }
        Ok(())
    }
}

/// A class from a row, with its code for those who may hand it out.
pub(super) fn class(row: &Row, caller: &Caller) -> Class {
    Class {
        id: row.get::<_, Uuid>("id").to_string(),
        name: row.get("name"),
        join_code: (caller.role != Role::Student).then(|| row.get("join_code")),
        student_count: u32::try_from(row.get::<_, i64>("students")).unwrap_or_default(),
    }
}

fn no_such_class() -> Status {
    Status::not_found("there is no class with this id")
}

/// A caller who has a token but no account (any more).
fn without_account(error: DatabaseError, constraint: &str) -> Status {
    if error.violates(constraint) { Status::not_found("the caller has no account") } else { error.into() }
}

fn too_many(seconds: f64) -> Status {
    let mut details = ErrorDetails::with_error_info(TOO_MANY, DOMAIN, HashMap::new());
    let wait = Duration::try_from_secs_f64(seconds.max(1.0)).unwrap_or(Duration::from_mins(10));
    details.set_retry_info(Some(wait));
    let minutes = wait.as_secs().div_ceil(60);
    let message = format!("too many wrong join codes: try again in {minutes} minutes");
    Status::with_error_details(Code::ResourceExhausted, message, details)
}

/// Where a page of members ended.
pub(crate) type Joined = (OffsetDateTime, Uuid);
