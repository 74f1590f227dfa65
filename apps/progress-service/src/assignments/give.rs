//! Making assignments, confirming and dropping them.

use std::time::Duration;

use deadpool_postgres::Transaction;
use learnflow_proto::{
    events::AssignmentGiven,
    topics::NOTIFICATION_REQUESTS,
    v1::{Assignment, CreateAssignmentRequest, Exercise, ProposeExerciseRequest},
};
use learnflow_service::Violations;
use learnflow_sidecar::{Caller, Context};
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Request, Status};
use uuid::Uuid;

use super::{for_teacher, read::GET};
use crate::{
    access::{caller_id, teacher},
    classes::{Classes, membership::MEMBER},
    database::{DatabaseError, Statement, query_in},
    events::moment,
    record::outbox::{Outgoing, put},
    users::{some_id, timestamp, user_id},
};

// A topic that the database does not know (yet) is left out.
const INSERT: Statement = Statement {
    name: "assignments.insert",
    sql: "INSERT INTO assignments (id, class_id, student_id, exercise_id, topic_id, prompt, difficulty, title, status, due,
                                   assigned_at)
          VALUES ($1, $2, $3, $4, (SELECT id FROM topics WHERE id = $5), $6, $7, $8, $9, $10,
                  CASE WHEN $9 = 'assigned' THEN now() END)",
};
const CONFIRM: Statement = Statement {
    name: "assignments.confirm",
    sql: "UPDATE assignments SET status = 'assigned', assigned_at = now() WHERE id = $1 AND status = 'proposed'
          RETURNING id",
};
const DROP: Statement = Statement { name: "assignments.drop", sql: "DELETE FROM assignments WHERE id = $1" };
const GIVEN_TO: Statement = Statement {
    name: "assignments.given_to",
    sql: "SELECT student_id FROM class_members WHERE class_id = $1 AND ($2::uuid IS NULL OR student_id = $2)
          ORDER BY student_id",
};

/// Most bytes of a description.
const MAX_PROMPT: usize = 2_000;
/// How long the exercise agent may take: it runs what it proposes.
const PROPOSAL: Duration = Duration::from_secs(26);

impl Classes {
    /// Assigns the exercise that was picked, or proposes one for the description.
    pub(crate) async fn assign(
        &self,
        caller: &Caller,
        request: CreateAssignmentRequest,
    ) -> Result<(Assignment, Exercise), Status> {
        teacher(caller, "giving assignments")?;
        let class = some_id(&request.class_id, "class_id", "a class id")?;
        let student = request.student_id.as_deref().map(|id| user_id(id, "student_id")).transpose()?;
        let due = due(&request)?;
        self.taught(caller, class).await?;
        if let Some(student) = student
            && self.database.find(&MEMBER, &[&class, &student]).await?.is_none()
        {
            return Err(Status::not_found("this student is not in the class"));
        }
        let CreateAssignmentRequest { exercise_id, prompt, topic, difficulty, .. } = request;
        let (exercise, status) = match &exercise_id {
            Some(id) => {
                let missing = || Status::not_found("there is no exercise with this id");
                (self.exercise(id).await?.ok_or_else(missing)?, "assigned")
            }
            None => (self.proposal(prompt.clone().unwrap_or_default(), topic, difficulty).await?, "proposed"),
        };
        let id = Uuid::now_v7();
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(DatabaseError::from)?;
        let Exercise { id: exercise_id, topic, difficulty, title, .. } = &exercise;
        query_in(
            &transaction,
            &INSERT,
            &[&id, &class, &student, exercise_id, topic, &prompt, difficulty, title, &status, &due],
        )
        .await?;
        let row = one(&transaction, id).await?;
        if status == "assigned" {
            tell(&transaction, caller, &row).await?;
        }
        transaction.commit().await.map_err(DatabaseError::from)?;
        self.bell.ring();
        Ok((for_teacher(&row), exercise))
    }

    async fn proposal(
        &self,
        prompt: String,
        topic: Option<String>,
        difficulty: Option<String>,
    ) -> Result<Exercise, Status> {
        let mut request = Request::new(ProposeExerciseRequest { prompt, topic, difficulty, seed: None });
        request.set_timeout(PROPOSAL);
        let response = self.exercise_agent().propose_exercise(request).await?.into_inner();
        response.exercise.ok_or_else(|| Status::internal("the exercise agent proposed nothing"))
    }

    /// Assigns what was proposed; what is assigned already stays so, and nobody is told a second time.
    pub(crate) async fn confirm(&self, caller: &Caller, id: Uuid) -> Result<Assignment, Status> {
        self.own_assignment(caller, id).await?;
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(DatabaseError::from)?;
        let confirmed = query_in(&transaction, &CONFIRM, &[&id]).await?;
        let row = one(&transaction, id).await?;
        if !confirmed.is_empty() {
            tell(&transaction, caller, &row).await?;
        }
        transaction.commit().await.map_err(DatabaseError::from)?;
        self.bell.ring();
        Ok(for_teacher(&row))
    }

    pub(crate) async fn withdraw(&self, caller: &Caller, id: Uuid) -> Result<(), Status> {
        self.own_assignment(caller, id).await?;
        self.database.query(&DROP, &[&id]).await?;
        Ok(())
    }

    /// An assignment, for the teacher of its class and for administrators.
    pub(super) async fn own_assignment(&self, caller: &Caller, id: Uuid) -> Result<Row, Status> {
        teacher(caller, "the assignments of a class")?;
        let row = self.database.find(&GET, &[&id]).await?.ok_or_else(no_such_assignment)?;
        self.taught(caller, row.get("class_id")).await?;
        Ok(row)
    }
}

async fn one(transaction: &Transaction<'_>, id: Uuid) -> Result<Row, Status> {
    query_in(transaction, &GET, &[&id]).await?.pop().ok_or_else(no_such_assignment)
}

/// Writes the events that tell each student.
async fn tell(transaction: &Transaction<'_>, caller: &Caller, row: &Row) -> Result<(), Status> {
    let (class, only): (Uuid, Option<Uuid>) = (row.get("class_id"), row.get("student_id"));
    let students = query_in(transaction, &GIVEN_TO, &[&class, &only]).await?;
    let (context, teacher_id) = (Context::current(), caller_id(caller)?.to_string());
    let text = |column| row.get::<_, Option<String>>(column).unwrap_or_default();
    let event = |student: Uuid| AssignmentGiven {
        assignment_id: row.get::<_, Uuid>("id").to_string(),
        student_id: student.to_string(),
        class_id: class.to_string(),
        class_name: row.get("class_name"),
        exercise_id: text("exercise_id"),
        title: row.get("title"),
        topic: text("topic_id"),
        due: row.get::<_, Option<OffsetDateTime>>("due").map(timestamp),
        given_at: Some(timestamp(OffsetDateTime::now_utc())),
        teacher_id: teacher_id.clone(),
    };
    let events: Vec<_> = students
        .iter()
        .map(|row| row.get("student_id"))
        .map(|student| Outgoing { key: student, event: event(student), context: &context })
        .collect();
    put(transaction, NOTIFICATION_REQUESTS, &events).await?;
    Ok(())
}

/// Checks what does not depend on what is stored, and returns when it is due.
fn due(request: &CreateAssignmentRequest) -> Result<Option<OffsetDateTime>, Status> {
    let CreateAssignmentRequest { exercise_id, prompt, topic, difficulty, due, .. } = request;
    let due = due.as_ref().map(moment).transpose();
    let mut violations = Violations::default();
    violations.check(exercise_id.is_some() != prompt.is_some(), "exercise_id", || {
        "give either the id of an exercise, or a prompt that describes one".to_owned()
    });
    if let Some(prompt) = prompt {
        violations.text(prompt, "prompt", MAX_PROMPT);
    } else {
        violations.check(topic.is_none(), "topic", || "goes with a prompt only".to_owned()).check(
            difficulty.is_none(),
            "difficulty",
            || "goes with a prompt only".to_owned(),
        );
    }
    violations.check(
        due.as_ref().is_ok_and(|due| due.is_none_or(|due| due > OffsetDateTime::now_utc())),
        "due",
        || "is not a time to come".to_owned(),
    );
    violations.finish()?;
    Ok(due.unwrap_or_default())
}

pub(crate) fn no_such_assignment() -> Status {
    Status::not_found("there is no assignment with this id")
}
