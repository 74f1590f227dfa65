//! Facts of `progress.events` that have tables of their own: submissions, attempts at quizzes, ratings.

use std::str::FromStr as _;

use learnflow_proto::{
    Timestamp,
    events::{CodeReviewed, ExerciseGenerated, ExerciseGraded, ProgressRecorded, QuizGraded, progress_recorded::Fact},
};
use learnflow_sidecar::{Event, Outcome, patiently};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    database::{Database, DatabaseError, Statement, query_in},
    events::moment,
    practice::{PracticeRecord, StoreError, json},
};

// Of a student without an account nothing is kept: it was erased, and its facts with it.
const SUBMISSION: Statement = Statement {
    name: "submissions.insert",
    sql: "INSERT INTO submissions (id, user_id, exercise_id, topic_id, status, score, results, submitted_at, attempt,
                                   error_type, duration_ms)
          SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM users WHERE id = $2
          ON CONFLICT (id) DO NOTHING",
};
const QUIZ: Statement = Statement {
    name: "quizzes.insert",
    sql: "INSERT INTO quizzes (id, topic_id, version, questions)
          SELECT $1, $2, coalesce(max(version), 0) + 1, $3 FROM quizzes WHERE topic_id = $2
          ON CONFLICT DO NOTHING",
};
const ATTEMPT: Statement = Statement {
    name: "quiz_attempts.insert",
    sql: "INSERT INTO quiz_attempts (id, user_id, quiz_id, topic_id, score, answers, attempted_at)
          SELECT $1, id, $3, $4, $5, $6, $7 FROM users WHERE id = $2
          ON CONFLICT (id) DO NOTHING",
};
const RATING: Statement = Statement {
    name: "submissions.rate",
    sql: "UPDATE submissions SET quality = $3 WHERE id = $1 AND user_id = $2 AND quality IS DISTINCT FROM $3",
};

/// Handles exercises and facts.
#[derive(Clone)]
pub struct FactHandler {
    database: Database,
    exercises: PracticeRecord,
    stopping: CancellationToken,
}

impl FactHandler {
    /// Stores until some time after `stopping` is cancelled.
    pub fn new(database: Database, stopping: CancellationToken) -> Self {
        Self { exercises: PracticeRecord::new(database.clone()), database, stopping }
    }

    /// Stores an exercise; acknowledged when it is committed.
    pub async fn generated(self, event: Event<ExerciseGenerated>) -> Outcome {
        self.stored(&event.id, || self.exercises.store(&event.data)).await
    }

    /// Stores a fact; acknowledged when it is committed. Its order with the exercise it is about does not matter.
    pub async fn recorded(self, event: Event<ProgressRecorded>) -> Outcome {
        self.stored(&event.id, || self.store(&event.data)).await
    }

    /// Tries as long as the database is away. What it refuses may be taken later: a topic of the curriculum may come
    /// with a newer release.
    async fn stored<F>(&self, event_id: &str, store: impl Fn() -> F) -> Outcome
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        patiently(&self.stopping, || async {
            match store().await {
                Ok(()) => Some(Outcome::Done),
                Err(StoreError::Malformed(reason)) => {
                    tracing::warn!(event_id, reason, "malformed event dropped");
                    Some(Outcome::Drop)
                }
                Err(StoreError::Database(error @ DatabaseError::Refused { .. })) => {
                    tracing::warn!(event_id, %error, "event not stored");
                    Some(Outcome::Retry)
                }
                Err(StoreError::Database(error)) => {
                    tracing::warn!(event_id, %error, "an event waits for the database");
                    None
                }
            }
        })
        .await
    }

    async fn store(&self, event: &ProgressRecorded) -> Result<(), StoreError> {
        let student = uuid(&event.student_id, "student_id")?;
        let at = event.occurred_at.as_ref();
        match &event.fact {
            Some(Fact::ExerciseGraded(graded)) => self.submission(student, &event.topic, moment_of(at)?, graded).await,
            Some(Fact::QuizGraded(graded)) => self.attempt(student, &event.topic, moment_of(at)?, graded).await,
            Some(Fact::CodeReviewed(reviewed)) => self.rating(student, reviewed).await,
            // Facts without a table of their own.
            Some(Fact::ProgramRan(_) | Fact::SaidStuck(_) | Fact::ActivitySeen(_) | Fact::PlacementGraded(_)) => Ok(()),
            None => Err(StoreError::Malformed("it has no fact".to_owned())),
        }
    }

    async fn submission(
        &self,
        student: Uuid,
        topic: &str,
        at: OffsetDateTime,
        graded: &ExerciseGraded,
    ) -> Result<(), StoreError> {
        let ExerciseGraded { submission_id, exercise_id, status, score, error_type, duration_ms, attempt, .. } = graded;
        let id = uuid(submission_id, "submission_id")?;
        let attempt = Some(whole(*attempt)?).filter(|attempt| *attempt > 0);
        let error_type = Some(error_type).filter(|name| !name.is_empty());
        let (score, duration) = (small(*score)?, whole(*duration_ms)?);
        let results = json(&graded.tests)?;
        self.database
            .query(
                &SUBMISSION,
                &[&id, &student, exercise_id, &topic, status, &score, &results, &at, &attempt, &error_type, &duration],
            )
            .await?;
        Ok(())
    }

    async fn attempt(
        &self,
        student: Uuid,
        topic: &str,
        at: OffsetDateTime,
        graded: &QuizGraded,
    ) -> Result<(), StoreError> {
        let id = uuid(&graded.attempt_id, "attempt_id")?;
        let quiz = format!("{topic}/{}", graded.content_version);
        let questions: Value = graded.questions.iter().map(|question| json!(question.question_id)).collect();
        let (score, answers) = (small(graded.score)?, json(&graded.questions)?);
        let mut client = self.database.client().await?;
        let transaction = client.transaction().await.map_err(DatabaseError::from)?;
        query_in(&transaction, &QUIZ, &[&quiz, &topic, &questions]).await?;
        query_in(&transaction, &ATTEMPT, &[&id, &student, &quiz, &topic, &score, &answers, &at]).await?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        Ok(())
    }

    /// Stores the rating of a submission; code that was no submission has no row here.
    async fn rating(&self, student: Uuid, reviewed: &CodeReviewed) -> Result<(), StoreError> {
        if reviewed.submission_id.is_empty() {
            return Ok(());
        }
        let id = uuid(&reviewed.submission_id, "submission_id")?;
        let rating = small(reviewed.rating)?;
        self.database.query(&RATING, &[&id, &student, &rating]).await?;
        Ok(())
    }
}

fn uuid(text: &str, field: &str) -> Result<Uuid, StoreError> {
    Uuid::from_str(text).map_err(|_| StoreError::Malformed(format!("{field} {text:?} is not a UUID")))
}

fn moment_of(at: Option<&Timestamp>) -> Result<OffsetDateTime, StoreError> {
    let at = at.ok_or_else(|| StoreError::Malformed("it does not say when it happened".to_owned()))?;
    moment(at).map_err(StoreError::Malformed)
}

fn small(number: u32) -> Result<i16, StoreError> {
    i16::try_from(number).map_err(|_| StoreError::Malformed(format!("{number} is too large")))
}

fn whole(number: u32) -> Result<i32, StoreError> {
    i32::try_from(number).map_err(|_| StoreError::Malformed(format!("{number} is too large")))
}
