//! Assignments: exercises that a teacher gives to a class, or to one student of it.
//!
//! An exercise that was picked is assigned at once. From a description the exercise agent proposes one, which the teacher
//! sees and confirms. Who did what is kept nowhere: it follows from the submissions to the exercise, whenever they were
//! made, so that nothing can contradict them.
//!
//! - `give`: making, confirming and dropping; `read`: lists, and who did it.

mod give;
pub mod read;

use learnflow_proto::v1::{
    Assignment, AssignmentWork, Exercise, GetExerciseRequest, exercise_service_client::ExerciseServiceClient,
};
use learnflow_sidecar::AppChannel;
use serde_json::Value;
use time::OffsetDateTime;
use tokio_postgres::Row;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{classes::Classes, database::Statement, users::timestamp};

const EXERCISE: Statement =
    Statement { name: "assignments.exercise", sql: "SELECT content FROM exercises WHERE id = $1" };

impl Classes {
    fn exercise_agent(&self) -> ExerciseServiceClient<AppChannel> {
        ExerciseServiceClient::new(self.sidecar.app("exercise-agent"))
    }

    /// An exercise as students see it; `None` when there is none. One that was made a moment ago is known to the exercise
    /// agent before it is known here.
    async fn exercise(&self, id: &str) -> Result<Option<Exercise>, Status> {
        if let Some(row) = self.database.find(&EXERCISE, &[&id]).await? {
            let content = serde_json::from_value(row.get::<_, Value>("content"));
            return content
                .map(Some)
                .map_err(|error| Status::internal(format!("the content of a stored exercise is damaged: {error}")));
        }
        match self.exercise_agent().get_exercise(GetExerciseRequest { id: id.to_owned() }).await {
            Ok(response) => Ok(response.into_inner().exercise),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }
}

/// What every view of an assignment shows.
fn assignment(row: &Row) -> Assignment {
    let text = |column| row.get::<_, Option<String>>(column).unwrap_or_default();
    Assignment {
        id: row.get::<_, Uuid>("id").to_string(),
        class_id: row.get::<_, Uuid>("class_id").to_string(),
        exercise_id: text("exercise_id"),
        status: row.get("status"),
        due: row.get::<_, Option<OffsetDateTime>>("due").map(timestamp),
        student_id: row.get::<_, Option<Uuid>>("student_id").map(|id| id.to_string()),
        topic: text("topic_id"),
        difficulty: text("difficulty"),
        title: row.get("title"),
        created_at: Some(timestamp(row.get("created_at"))),
        ..Assignment::default()
    }
}

/// For the teacher: their words, and how many did it.
fn for_teacher(row: &Row) -> Assignment {
    let count = |column| u32::try_from(row.get::<_, i64>(column)).unwrap_or_default();
    let (students, done) = (count("students"), count("done"));
    let mut assignment = assignment(row);
    if assignment.status == "assigned" && students > 0 && done == students {
        "done".clone_into(&mut assignment.status);
    }
    Assignment { prompt: row.get("prompt"), student_count: Some(students), done_count: Some(done), ..assignment }
}

/// For a student: how they stand with it.
fn for_student(row: &Row, student: Uuid) -> Assignment {
    let mut assignment = assignment(row);
    let work = work(row, student, row.get("due"), OffsetDateTime::now_utc());
    if work.status == "done" {
        "done".clone_into(&mut assignment.status);
    }
    Assignment { work: Some(work), ..assignment }
}

/// How a student stands, from a row of `attempts, best, done_at`.
fn work(row: &Row, student: Uuid, due: Option<OffsetDateTime>, now: OffsetDateTime) -> AssignmentWork {
    let done_at: Option<OffsetDateTime> = row.get("done_at");
    let status = match (done_at, due) {
        (Some(_), _) => "done",
        (None, Some(due)) if due < now => "late",
        (None, _) => "open",
    };
    AssignmentWork {
        user_id: student.to_string(),
        name: None,
        status: status.to_owned(),
        attempts: u32::try_from(row.get::<_, i64>("attempts")).unwrap_or_default(),
        best_score: row.get::<_, Option<i16>>("best").and_then(|score| u32::try_from(score).ok()),
        done_at: done_at.map(timestamp),
        done_late: done_at.zip(due).is_some_and(|(done, due)| done > due),
    }
}
