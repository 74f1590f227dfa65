//! Facts told by RPC instead of by event: they are published, and come back by `progress.events` like all others.

use learnflow_proto::{
    Struct,
    events::{
        ActivitySeen, CodeReviewed, ExerciseGraded, ProgramRan, ProgressRecorded, QuizGraded, SaidStuck,
        progress_recorded::Fact,
    },
    now,
};
use learnflow_service::Violations;
use learnflow_sidecar::Event;
use serde::Deserialize;
use tonic::Status;
use uuid::Uuid;

use super::fact;

/// The kinds that can be told.
const KINDS: &[&str] =
    &["exercise.graded", "quiz.graded", "code.reviewed", "program.ran", "student.stuck", "student.active"];

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Detail {
    exercise_id: String,
    submission_id: String,
    status: String,
    difficulty: String,
    error_type: String,
    score: Option<f64>,
    rating: Option<f64>,
}

/// Makes the event of a fact, and the id by which the record knows it.
///
/// # Errors
/// `INVALID_ARGUMENT` names what is wrong.
pub fn event(
    student: Uuid,
    kind: &str,
    topic: Option<String>,
    detail: Option<Struct>,
) -> Result<(ProgressRecorded, Uuid), Status> {
    Violations::default().one_of(kind, "kind", KINDS).finish()?;
    let detail = read(detail)?;
    let (id, wanted) = (Uuid::now_v7().to_string(), |field: &str| wanted(&detail, field));
    let fact = match kind {
        "exercise.graded" => Fact::ExerciseGraded(ExerciseGraded {
            submission_id: id,
            score: wanted("score")?,
            exercise_id: detail.exercise_id,
            status: detail.status,
            difficulty: detail.difficulty,
            error_type: detail.error_type,
            ..ExerciseGraded::default()
        }),
        "quiz.graded" => Fact::QuizGraded(QuizGraded {
            attempt_id: id,
            score: wanted("score")?,
            content_version: "told".to_owned(),
            ..QuizGraded::default()
        }),
        "code.reviewed" => {
            Fact::CodeReviewed(CodeReviewed { rating: wanted("rating")?, submission_id: detail.submission_id })
        }
        "program.ran" => Fact::ProgramRan(ProgramRan {
            run_id: id,
            status: detail.status,
            error_type: detail.error_type,
            exercise_id: detail.exercise_id,
        }),
        "student.stuck" => Fact::SaidStuck(SaidStuck { request_id: id }),
        _ => {
            Fact::ActivitySeen(ActivitySeen { activity_id: id, kind: kind.to_owned(), exercise_id: detail.exercise_id })
        }
    };
    let data = ProgressRecorded {
        student_id: student.to_string(),
        topic: topic.unwrap_or_default(),
        occurred_at: Some(now()),
        fact: Some(fact),
    };
    // What could not be read when it comes back is refused now.
    let event = Event { id: String::new(), source: String::new(), subject: String::new(), time: String::new(), data };
    match fact::read(&event) {
        Ok(fact) => Ok((event.data, fact.fact.id)),
        Err(reason) => Err(invalid("detail", reason)),
    }
}

fn read(detail: Option<Struct>) -> Result<Detail, Status> {
    let value = serde_json::to_value(detail.unwrap_or_default());
    value.and_then(serde_json::from_value).map_err(|error| invalid("detail", error.to_string()))
}

fn wanted(detail: &Detail, field: &str) -> Result<u32, Status> {
    let number = if field == "score" { detail.score } else { detail.rating };
    let number = number.filter(|number| (0.0..=100.0).contains(number));
    let number =
        number.ok_or_else(|| invalid(&format!("detail.{field}"), "is not a number from 0 to 100".to_owned()))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
    Ok(number.round() as u32)
}

fn invalid(field: &str, reason: String) -> Status {
    match Violations::default().check(false, field, || reason).finish() {
        Err(status) => status,
        Ok(()) => Status::invalid_argument(field.to_owned()),
    }
}
