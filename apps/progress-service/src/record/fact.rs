//! From an event of `progress.events` to a fact of the record.

use std::str::FromStr as _;

use learnflow_curriculum::{Difficulty, UnknownLevel};
use learnflow_mastery::{CodeRun, Fact, FactKind, Outcome, Submission};
use learnflow_proto::events::{
    CodeReviewed, ExerciseGraded, ProgramRan, ProgressRecorded, progress_recorded::Fact as Told,
};
use learnflow_sidecar::Event;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::events::moment;

/// A fact about a student, and who told it.
#[derive(Clone, Debug, PartialEq)]
pub struct StudentFact {
    /// The student.
    pub student: Uuid,
    /// What they did.
    pub fact: Fact,
    /// The app that said so.
    pub source: String,
}

/// Reads a fact, or says what is wrong with the event.
///
/// A fact is named by what it is about (the submission, the attempt at a quiz …), else by its event: a fact that was
/// published twice as two events is still one.
///
/// # Errors
/// One sentence; the event will never be right.
pub fn read(event: &Event<ProgressRecorded>) -> Result<StudentFact, String> {
    let ProgressRecorded { student_id, topic, occurred_at, fact } = &event.data;
    let student = uuid(student_id, "student_id")?;
    let at = occurred_at.as_ref().ok_or("it does not say when it happened")?;
    let (id, kind) = match fact.as_ref().ok_or("it has no fact")? {
        Told::ExerciseGraded(graded) => (uuid(&graded.submission_id, "submission_id")?, submission(graded)?),
        Told::QuizGraded(graded) => {
            (uuid(&graded.attempt_id, "attempt_id")?, FactKind::QuizAttempt { score: percent(graded.score)? })
        }
        Told::CodeReviewed(CodeReviewed { submission_id, rating }) => {
            // The submission itself is another fact.
            let id = match submission_id.as_str() {
                "" => uuid(&event.id, "event id")?,
                id => Uuid::new_v5(&uuid(id, "submission_id")?, b"review"),
            };
            (id, FactKind::CodeReview { rating: percent(*rating)? })
        }
        Told::ProgramRan(ran) => (named(&ran.run_id, event)?, run(ran)?),
        Told::SaidStuck(stuck) => {
            let id = match stuck.request_id.as_str() {
                "" => uuid(&event.id, "event id")?,
                id => Uuid::new_v5(&student, id.as_bytes()),
            };
            (id, FactKind::SaidStuck)
        }
        Told::PlacementGraded(placed) => {
            let topic = filled(topic).ok_or("it does not say which topic it is about")?;
            let level = placed.level.parse().map_err(|error: UnknownLevel| error.to_string())?;
            let id = Uuid::new_v5(&uuid(&placed.attempt_id, "attempt_id")?, topic.as_bytes());
            (id, FactKind::Placement { level })
        }
        Told::ActivitySeen(seen) => {
            (named(&seen.activity_id, event)?, FactKind::Activity { exercise: filled(&seen.exercise_id) })
        }
    };
    let fact = Fact { id, at: micros(moment(at)?), topic: filled(topic), kind };
    Ok(StudentFact { student, fact, source: event.source.clone() })
}

fn submission(graded: &ExerciseGraded) -> Result<FactKind, String> {
    let difficulty = difficulty(&graded.difficulty);
    Ok(FactKind::Submission(Submission {
        exercise: filled(&graded.exercise_id).ok_or("it does not say which exercise was graded")?,
        difficulty: difficulty.ok_or_else(|| format!("{:?} is not a difficulty", graded.difficulty))?,
        outcome: outcome(&graded.status).ok_or_else(|| format!("{:?} is not a verdict", graded.status))?,
        score: percent(graded.score)?,
        error_type: error_type(&graded.error_type)?,
        seconds: None,
    }))
}

fn run(ran: &ProgramRan) -> Result<FactKind, String> {
    let outcome = match ran.status.as_str() {
        "completed" => Outcome::Passed,
        "timeout" => Outcome::TimedOut,
        "runtime_error" | "signaled" | "memory_exceeded" | "output_exceeded" | "violation" => Outcome::Error,
        other => return Err(format!("{other:?} is not how a program ends")),
    };
    let mut error_type = error_type(&ran.error_type)?;
    // Too much memory twice is the same mistake twice, even without an exception.
    if error_type.is_none() && outcome == Outcome::Error && ran.status != "runtime_error" {
        error_type = Some(ran.status.clone());
    }
    Ok(FactKind::CodeRun(CodeRun { exercise: filled(&ran.exercise_id), outcome, error_type }))
}

/// The database's word for an outcome, which is also the one of events.
pub(super) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Failed => "failed",
        Outcome::Error => "error",
        Outcome::TimedOut => "timeout",
    }
}

/// Reads an outcome's word.
pub(super) fn outcome(word: &str) -> Option<Outcome> {
    let all = [Outcome::Passed, Outcome::Failed, Outcome::Error, Outcome::TimedOut];
    all.into_iter().find(|outcome| outcome_word(*outcome) == word)
}

/// Reads a difficulty's word.
pub(super) fn difficulty(word: &str) -> Option<Difficulty> {
    Difficulty::ALL.into_iter().find(|difficulty| difficulty.as_str() == word)
}

/// The database keeps microseconds: what is computed from what was just told must be what is computed from what was
/// stored.
pub(super) fn micros(at: OffsetDateTime) -> OffsetDateTime {
    at.replace_nanosecond(at.microsecond() * 1_000).unwrap_or(at)
}

fn uuid(text: &str, field: &str) -> Result<Uuid, String> {
    Uuid::from_str(text).map_err(|_| format!("{field} {text:?} is not a UUID"))
}

fn named(id: &str, event: &Event<ProgressRecorded>) -> Result<Uuid, String> {
    if id.is_empty() { uuid(&event.id, "event id") } else { uuid(id, "the fact's id") }
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn percent(number: u32) -> Result<u8, String> {
    u8::try_from(number).ok().filter(|number| *number <= 100).ok_or_else(|| format!("{number} is more than 100"))
}

fn error_type(text: &str) -> Result<Option<String>, String> {
    if text.chars().count() > 200 {
        return Err("its error type is longer than 200 characters".to_owned());
    }
    Ok(filled(text))
}
