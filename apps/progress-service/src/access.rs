//! Who may read whose data: students their own, teachers that of the students in their classes, administrators all. What
//! somebody reads of another is noted before it is read.

use std::str::FromStr as _;

use learnflow_sidecar::{Caller, Role};
use tonic::Status;
use uuid::Uuid;

use crate::{
    database::{Database, Statement},
    record::audit::Audit,
    users::is_self,
};

/// Whether a student is in a class of a teacher.
pub const TEACHES: Statement = Statement {
    name: "access.teaches",
    sql: "SELECT 1 FROM class_members m JOIN classes c ON c.id = m.class_id
          WHERE m.student_id = $1 AND c.teacher_id = $2 LIMIT 1",
};

/// The rules. Cheap to clone.
#[derive(Clone)]
pub struct Access {
    database: Database,
    audit: Audit,
}

impl Access {
    /// Asks a database who is in whose class, and notes reads in an audit trail.
    pub fn new(database: Database, audit: Audit) -> Self {
        Self { database, audit }
    }

    /// The trail.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Lets a caller do something with a student's data, and notes it.
    ///
    /// # Errors
    /// `PERMISSION_DENIED` when they may not; `NOT_FOUND` when there is no such user and they may know; `UNAVAILABLE` when
    /// that cannot be told or noted: with the database away a teacher reads nobody's data.
    pub async fn to_student(&self, caller: &Caller, student: Uuid, action: &str) -> Result<(), Status> {
        if is_self(caller, student) {
            return Ok(());
        }
        match caller.role {
            Role::Admin => self.audit.known(student).await?,
            Role::Teacher => self.teacher_of(caller, student).await?,
            Role::Student => return Err(Status::permission_denied("students read their own record only")),
        }
        self.audit.note(caller, action, &[student]).await
    }

    /// Nothing, for the teacher of a student and for administrators.
    ///
    /// # Errors
    /// As [`Access::to_student`].
    pub async fn teacher_of(&self, caller: &Caller, student: Uuid) -> Result<(), Status> {
        let teaches = match caller.role {
            Role::Admin => true,
            Role::Teacher => self.database.find(&TEACHES, &[&student, &caller_id(caller)?]).await?.is_some(),
            Role::Student => false,
        };
        if teaches { Ok(()) } else { Err(Status::permission_denied("the student is in none of your classes")) }
    }
}

/// The caller's id.
///
/// # Errors
/// `UNAUTHENTICATED` when it is not a user id.
pub(crate) fn caller_id(caller: &Caller) -> Result<Uuid, Status> {
    Uuid::from_str(&caller.id).map_err(|_| Status::unauthenticated("the caller's id is not a user id"))
}

/// Nothing, for teachers and administrators.
///
/// # Errors
/// `PERMISSION_DENIED` for others.
pub(crate) fn teacher(caller: &Caller, what: &str) -> Result<(), Status> {
    match caller.role {
        Role::Teacher | Role::Admin => Ok(()),
        Role::Student => Err(Status::permission_denied(format!("{what}: for teachers only"))),
    }
}
