//! Exercises: stored as they are generated, served to exercise-agent.

use std::str::FromStr as _;

use learnflow_proto::{
    events::ExerciseGenerated,
    v1::{
        Exercise, GetPlacementRequest, GetPlacementResponse, GetStoredExerciseRequest, GetStoredExerciseResponse,
        ListStoredExercisesRequest, ListStoredExercisesResponse, RecordPlacementRequest, RecordPlacementResponse,
        practice_record_service_server::PracticeRecordService,
    },
};
use learnflow_sidecar::Context;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio_postgres::Row;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    access::caller_id,
    database::{Database, DatabaseError, Statement},
    page::Page,
    placement,
    progress::{end_of_time, parse_micros, write_micros},
};

// The first to ask for it is whom it was made for, if they have an account.
const INSERT: Statement = Statement {
    name: "exercises.insert",
    sql: "INSERT INTO exercises (id, topic_id, difficulty, title, made_by, content, grading, created_for)
          VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT id FROM users WHERE id = $8))
          ON CONFLICT (id) DO NOTHING",
};
const GET: Statement = Statement { name: "exercises.get", sql: "SELECT content, grading FROM exercises WHERE id = $1" };

/// A page of the exercises that fit a condition, newest first.
macro_rules! list {
    ($name:literal, $condition:literal) => {
        Statement {
            name: $name,
            sql: concat!(
                "SELECT id, created_at, content FROM exercises WHERE (created_at, id) < ($1, $2)",
                $condition,
                " ORDER BY created_at DESC, id DESC LIMIT $3"
            ),
        }
    };
}

/// A page of all exercises.
pub const LIST: Statement = list!("exercises.list", "");
/// A page of a topic's exercises.
pub const LIST_TOPIC: Statement = list!("exercises.list_topic", " AND topic_id = $4");
/// A page of the exercises of a difficulty.
pub const LIST_DIFFICULTY: Statement = list!("exercises.list_difficulty", " AND difficulty = $4");
/// A page of a topic's exercises of a difficulty.
pub const LIST_BOTH: Statement = list!("exercises.list_both", " AND topic_id = $4 AND difficulty = $5");

/// The practice record.
#[derive(Clone)]
pub struct PracticeRecord {
    database: Database,
}

impl PracticeRecord {
    /// Keeps exercises in a database.
    pub fn new(database: Database) -> Self {
        Self { database }
    }

    /// Stores an exercise, once however often it is told.
    ///
    /// # Errors
    /// [`StoreError::Malformed`] when the event is not what it should be.
    pub async fn store(&self, event: &ExerciseGenerated) -> Result<(), StoreError> {
        let malformed = |reason: &str| StoreError::Malformed(reason.to_owned());
        let exercise = event.exercise.as_ref().filter(|exercise| !exercise.id.is_empty());
        let exercise = exercise.ok_or_else(|| malformed("it has no exercise"))?;
        let grading = event.grading.as_ref().filter(|grading| !grading.tests.is_empty());
        let grading = grading.ok_or_else(|| malformed("it does not say how the exercise is graded"))?;
        // Whoever it was made for, the exercise is everybody's.
        let student = Uuid::from_str(&event.student_id).unwrap_or_default();
        let (content, grading) = (json(exercise)?, json(grading)?);
        let Exercise { id, topic, difficulty, title, .. } = exercise;
        self.database
            .query(&INSERT, &[id, topic, difficulty, title, &event.source, &content, &grading, &student])
            .await?;
        Ok(())
    }
}

/// Why something was not stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is not what it should be, and never will be.
    #[error("{0}")]
    Malformed(String),
    /// The database did not take it.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

/// A message as JSON.
pub(crate) fn json<T: Serialize>(message: &T) -> Result<Value, StoreError> {
    serde_json::to_value(message).map_err(|error| StoreError::Malformed(format!("it is not JSON: {error}")))
}

#[tonic::async_trait]
impl PracticeRecordService for PracticeRecord {
    async fn list_stored_exercises(
        &self,
        request: Request<ListStoredExercisesRequest>,
    ) -> Result<Response<ListStoredExercisesResponse>, Status> {
        let ListStoredExercisesRequest { topic, difficulty, page_size, page_token } = request.into_inner();
        let page = Page::read(page_size, page_token.as_deref(), |token| {
            let (at, id) = token.split_once('.')?;
            Some((parse_micros(at)?, id.to_owned()))
        })?;
        let limit = page.limit();
        let (before, id) = page.after.clone().unwrap_or((end_of_time(), String::new()));
        let database = &self.database;
        let mut rows = match (&topic, &difficulty) {
            (None, None) => database.query(&LIST, &[&before, &id, &limit]).await,
            (Some(topic), None) => database.query(&LIST_TOPIC, &[&before, &id, &limit, topic]).await,
            (None, Some(difficulty)) => database.query(&LIST_DIFFICULTY, &[&before, &id, &limit, difficulty]).await,
            (Some(topic), Some(difficulty)) => {
                database.query(&LIST_BOTH, &[&before, &id, &limit, topic, difficulty]).await
            }
        }?;
        let next_page_token = page
            .cut(&mut rows, |row| format!("{}.{}", write_micros(row.get("created_at")), row.get::<_, String>("id")));
        let exercises = rows.iter().map(|row| message(row, "content")).collect::<Result<_, _>>()?;
        Ok(Response::new(ListStoredExercisesResponse { exercises, next_page_token }))
    }

    async fn get_stored_exercise(
        &self,
        request: Request<GetStoredExerciseRequest>,
    ) -> Result<Response<GetStoredExerciseResponse>, Status> {
        let row = self.database.find(&GET, &[&request.into_inner().id]).await?;
        let row = row.ok_or_else(|| Status::not_found("there is no exercise with this id"))?;
        let (exercise, grading) = (Some(message(&row, "content")?), Some(message(&row, "grading")?));
        Ok(Response::new(GetStoredExerciseResponse { exercise, grading }))
    }

    async fn get_placement(&self, _: Request<GetPlacementRequest>) -> Result<Response<GetPlacementResponse>, Status> {
        let levels = placement::levels(&self.database, caller_id(Context::current().caller()?)?).await?;
        Ok(Response::new(GetPlacementResponse { levels }))
    }

    async fn record_placement(
        &self,
        request: Request<RecordPlacementRequest>,
    ) -> Result<Response<RecordPlacementResponse>, Status> {
        let student = caller_id(Context::current().caller()?)?;
        placement::record(&self.database, student, request.into_inner()).await?;
        Ok(Response::new(RecordPlacementResponse {}))
    }
}

fn message<T: DeserializeOwned>(row: &Row, column: &str) -> Result<T, Status> {
    serde_json::from_value(row.get::<_, Value>(column))
        .map_err(|error| Status::internal(format!("the {column} of a stored exercise is damaged: {error}")))
}
