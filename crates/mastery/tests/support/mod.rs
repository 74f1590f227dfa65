//! Facts in few words.

#![allow(dead_code, reason = "every test file uses a part of it")]

use learnflow_curriculum::Difficulty;
use learnflow_mastery::{CodeRun, Fact, FactKind, Outcome, Submission};
use time::{Duration, OffsetDateTime, macros::datetime};
use uuid::Uuid;

pub const START: OffsetDateTime = datetime!(2026-03-02 09:00 UTC);
pub const STUDENT: Uuid = Uuid::from_u128(0xada);

pub fn minute(minutes: i64) -> OffsetDateTime {
    START + Duration::minutes(minutes)
}

/// A fact on the topic "loops"; its id comes from its time.
pub fn fact(minutes: i64, kind: FactKind) -> Fact {
    let id = Uuid::from_u128(minutes.unsigned_abs().into());
    Fact { id, at: minute(minutes), topic: Some("loops".into()), kind }
}

pub fn submission(exercise: &str, score: u8) -> FactKind {
    let outcome = if score == 100 { Outcome::Passed } else { Outcome::Failed };
    graded(exercise, Difficulty::Hard, outcome, score, None)
}

pub fn graded(
    exercise: &str,
    difficulty: Difficulty,
    outcome: Outcome,
    score: u8,
    error_type: Option<&str>,
) -> FactKind {
    let (exercise, error_type) = (exercise.to_owned(), error_type.map(str::to_owned));
    FactKind::Submission(Submission { exercise, difficulty, outcome, score, error_type, seconds: None })
}

pub fn error(error_type: &str) -> FactKind {
    run(None, Outcome::Error, Some(error_type))
}

pub fn run(exercise: Option<&str>, outcome: Outcome, error_type: Option<&str>) -> FactKind {
    let (exercise, error_type) = (exercise.map(str::to_owned), error_type.map(str::to_owned));
    FactKind::CodeRun(CodeRun { exercise, outcome, error_type })
}

pub fn quiz(score: u8) -> FactKind {
    FactKind::QuizAttempt { score }
}

pub fn opened(exercise: &str) -> FactKind {
    FactKind::Activity { exercise: Some(exercise.into()) }
}
