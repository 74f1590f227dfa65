//! What the RPCs and the answers to questions share: making, finding and announcing exercises, grading, and the record.

use std::{collections::HashMap, sync::Arc};

use learnflow_curriculum::{Difficulty, Topic};
use learnflow_proto::{
    Kind, Struct, Timestamp, Value,
    events::{CodeSubmitted, ExerciseGenerated, LearningEvent, ProgressRecorded, QuizGraded, progress_recorded::Fact},
    now, topics,
    v1::SubmitExerciseResponse,
};
use learnflow_service::Violations;
use learnflow_sidecar::{EventData, Result, Sidecar, persistently};
use learnflow_tutor::Tutor;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    choice::choices,
    made::{Made, request},
    maker::{Draft, MakeError, Maker},
    quiz::Attempt,
    sandbox::Sandbox,
    store::Store,
    verdict::Verdict,
    written::Author,
};

/// Cheap to clone.
#[derive(Clone)]
pub struct Practice {
    inner: Arc<Inner>,
}

struct Inner {
    tutor: Tutor,
    sidecar: Sidecar,
    sandbox: Arc<dyn Sandbox>,
    maker: Maker,
    author: Author,
    store: Store,
}

impl Practice {
    pub fn new(tutor: Tutor, sidecar: Sidecar, author: Author) -> Self {
        let sandbox: Arc<dyn Sandbox> = Arc::new(sidecar.clone());
        let (maker, store) = (Maker::new(sandbox.clone()), Store::new(sidecar.clone()));
        Self { inner: Arc::new(Inner { tutor, sidecar, sandbox, maker, author, store }) }
    }

    pub fn tutor(&self) -> &Tutor {
        &self.inner.tutor
    }

    pub fn author(&self) -> &Author {
        &self.inner.author
    }

    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The topic with this id, or the status that says there is none.
    pub fn topic(&self, id: &str) -> Result<&Topic, Status> {
        let missing = || Status::not_found(format!("there is no topic {id:?}: GET /api/v1/concepts lists them"));
        self.inner.tutor.curriculum().topic(id).ok_or_else(missing)
    }

    /// The exercise of a seed: made before, or made and verified now.
    pub async fn exercise(&self, topic: &Topic, difficulty: Difficulty, seed: u32) -> Result<Made, Status> {
        let mut choices = choices(topic, difficulty, seed).peekable();
        if choices.peek().is_none() {
            let mut known: Vec<_> = topic.exercises.iter().map(|template| template.difficulty).collect();
            known.sort_unstable();
            known.dedup();
            let known: Vec<_> = known.into_iter().map(Difficulty::as_str).collect();
            Violations::default().one_of(difficulty.as_str(), "difficulty", &known).finish()?;
        }
        for choice in choices {
            match self.inner.store.find(&choice.id()).await {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                // It can be made again.
                Err(error) => tracing::warn!(%error, "cannot look for an exercise made before"),
            }
            match self.inner.maker.make(&choice).await {
                Ok(made) => {
                    self.inner.store.keep(&made).await?;
                    return Ok(made);
                }
                Err(MakeError::Sandbox(status)) => return Err(status),
                Err(MakeError::Unfit(reason)) => {
                    let (topic, template) = (&topic.id, &choice.template.id);
                    tracing::error!(topic, template, seed = choice.seed, reason, "variation refused");
                }
            }
        }
        Err(Status::internal(format!("no variation of {} {} seed {seed} is fit", topic.id, difficulty.as_str())))
    }

    /// An exercise that somebody has written, once it is verified; nothing if it is no good.
    pub async fn verified(&self, draft: Draft) -> Option<Made> {
        let topic = draft.exercise.topic.clone();
        let made = match self.inner.maker.verify(draft).await {
            Ok(made) => made,
            Err(error) => {
                metrics::counter!("exercises_refused_total", "by" => "sandbox").increment(1);
                tracing::warn!(%error, topic, "the model's exercise is refused");
                return None;
            }
        };
        match self.inner.store.keep(&made).await {
            Ok(()) => Some(made),
            Err(error) => {
                tracing::warn!(%error, "the model's exercise cannot be kept");
                None
            }
        }
    }

    /// Tells of an exercise that a student gets: progress-service stores it, once however often it is told.
    pub async fn announce(&self, student_id: &str, made: &Made) -> Result<()> {
        let event = ExerciseGenerated {
            student_id: student_id.to_owned(),
            exercise: Some(made.exercise.clone()),
            source: made.exercise.source.clone(),
            grading: Some(made.grading.clone()),
        };
        self.publish(topics::EXERCISE_GENERATED, student_id, &event).await?;
        let detail = [
            ("exercise_id", text(&made.exercise.id)),
            ("topic", text(&made.exercise.topic)),
            ("difficulty", text(&made.exercise.difficulty)),
        ];
        self.note(student_id, "exercise.generated", detail).await;
        Ok(())
    }

    /// Grades a student's solution and records it.
    pub async fn submit(&self, student_id: &str, made: &Made, code: String) -> Result<SubmitExerciseResponse, Status> {
        let Made { exercise, grading } = made;
        let submitted_at = now();
        let results = self.inner.sandbox.grade(request(grading, usize::MAX, &code)).await?;
        let verdict = Verdict::of(grading, results);
        metrics::counter!("submissions_total", "status" => verdict.status).increment(1);
        let attempt = match self.inner.store.count_attempt(student_id, &exercise.id).await {
            Ok(number) => Some(number),
            Err(error) => {
                tracing::warn!(%error, "attempt not counted");
                None
            }
        };
        let submission_id = Uuid::now_v7().to_string();
        let fact = verdict.fact(&submission_id, &exercise.id, &exercise.difficulty, attempt.unwrap_or_default());
        self.record(student_id, &exercise.topic, submitted_at, Fact::ExerciseGraded(fact)).await?;
        // Behind the verdict: the rating that a review gives is then stored behind it too.
        let submitted = CodeSubmitted {
            submission_id: submission_id.clone(),
            student_id: student_id.to_owned(),
            exercise_id: exercise.id.clone(),
            topic: exercise.topic.clone(),
            code,
            submitted_at: Some(submitted_at),
        };
        let detail = [
            ("submission_id", text(&submission_id)),
            ("exercise_id", text(&exercise.id)),
            ("topic", text(&exercise.topic)),
            ("status", text(verdict.status)),
            ("score", number(verdict.score)),
            ("attempt", number(attempt.unwrap_or_default())),
        ];
        let review = self.publish(topics::CODE_SUBMISSIONS, student_id, &submitted);
        let (review, ()) = tokio::join!(review, self.note(student_id, "exercise.submitted", detail));
        if let Err(error) = review {
            tracing::warn!(%error, "submission graded and recorded, but not sent to be reviewed");
        }
        Ok(SubmitExerciseResponse {
            submission_id,
            status: verdict.status.to_owned(),
            score: verdict.score,
            tests: verdict.tests,
            quality: None,
            attempt,
        })
    }

    /// Records a student's graded attempt at a topic's quiz and returns its id.
    pub async fn record_quiz(&self, student_id: &str, topic: &Topic, attempt: &Attempt) -> Result<String, Status> {
        let attempt_id = Uuid::now_v7().to_string();
        let fact = QuizGraded {
            attempt_id: attempt_id.clone(),
            score: attempt.score,
            content_version: topic.version().to_owned(),
            questions: attempt.questions.clone(),
        };
        self.record(student_id, &topic.id, now(), Fact::QuizGraded(fact)).await?;
        let detail = [("attempt_id", text(&attempt_id)), ("topic", text(&topic.id)), ("score", number(attempt.score))];
        self.note(student_id, "quiz.attempted", detail).await;
        Ok(attempt_id)
    }

    /// Publishes what the record cannot do without: where this fails, the student has to be told.
    async fn record(&self, student_id: &str, topic: &str, at: Timestamp, fact: Fact) -> Result<(), Status> {
        let event = ProgressRecorded {
            student_id: student_id.to_owned(),
            topic: topic.to_owned(),
            occurred_at: Some(at),
            fact: Some(fact),
        };
        self.publish(topics::PROGRESS_EVENTS, student_id, &event).await.map_err(|error| {
            tracing::warn!(%error, "graded, but not recorded");
            Status::new(Code::Unavailable, "it was graded but cannot be recorded now: send it again in a few seconds")
        })
    }

    /// Puts something into the audit stream.
    pub async fn note<const N: usize>(&self, student_id: &str, kind: &str, detail: [(&str, Value); N]) {
        let fields: HashMap<_, _> = detail.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let event = LearningEvent {
            student_id: student_id.to_owned(),
            kind: kind.to_owned(),
            occurred_at: Some(now()),
            detail: Some(Struct { fields }),
        };
        if let Err(error) = self.publish(topics::LEARNING_EVENTS, student_id, &event).await {
            tracing::warn!(%error, kind, "not audited");
        }
    }

    async fn publish<E: EventData>(&self, topic: &'static str, student_id: &str, event: &E) -> Result<()> {
        persistently(|| self.inner.sidecar.publish(topics::PUBSUB, topic, student_id, event)).await
    }
}

pub fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

pub fn number(number: u32) -> Value {
    Value { kind: Some(Kind::NumberValue(number.into())) }
}
