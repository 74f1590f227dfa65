//! Where exercises are kept: in Dapr state, so that one can be submitted right after it was made, and for good with
//! progress-service, which gets each by event.

use std::time::Duration;

use learnflow_proto::v1::{
    GetPlacementRequest, GetStoredExerciseRequest, GetStoredExerciseResponse, ListStoredExercisesRequest,
    ListStoredExercisesResponse, PlacementLevel, RecordPlacementRequest,
    practice_record_service_client::PracticeRecordServiceClient,
};
use learnflow_sidecar::{AppChannel, Concurrency, Entry, Error, Result, Sidecar};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::made::Made;

/// How long an exercise stays in state after it was made or last fetched from progress-service.
const KEPT: Duration = Duration::from_hours(30 * 24);
/// How long attempts are counted on.
const COUNTED: Duration = Duration::from_hours(180 * 24);
/// How often a counter is tried when somebody else counts at the same time.
const TRIES: usize = 8;

/// The exercises and who attempted them how often.
#[derive(Clone)]
pub struct Store {
    sidecar: Sidecar,
}

impl Store {
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    /// The exercise with this id, from wherever it is.
    pub async fn find(&self, id: &str) -> Result<Option<Made>, Status> {
        // What is no id of ours must not become part of a key.
        if Uuid::try_parse(id).is_err() {
            return Ok(None);
        }
        if let Some(Entry { value, .. }) = self.sidecar.get(&key(id)).await? {
            return Ok(Some(value));
        }
        match self.record().get_stored_exercise(GetStoredExerciseRequest { id: id.to_owned() }).await {
            Ok(response) => {
                let GetStoredExerciseResponse { exercise, grading } = response.into_inner();
                let damaged = || Status::internal(format!("the stored exercise {id} has no content"));
                let made = Made { exercise: exercise.ok_or_else(damaged)?, grading: grading.ok_or_else(damaged)? };
                self.keep(&made).await?;
                Ok(Some(made))
            }
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(status),
        }
    }

    /// Keeps an exercise.
    pub async fn keep(&self, made: &Made) -> Result<()> {
        self.sidecar.set(&key(&made.exercise.id), made, Some(KEPT), Concurrency::LastWrite).await
    }

    /// A page of all exercises that were made.
    pub async fn list(&self, request: ListStoredExercisesRequest) -> Result<ListStoredExercisesResponse, Status> {
        self.record().list_stored_exercises(request).await.map(tonic::Response::into_inner)
    }

    /// Counts a student's attempt at an exercise and returns its number, from 1.
    pub async fn count_attempt(&self, student_id: &str, exercise_id: &str) -> Result<u32> {
        let key = format!("student:{student_id}:attempts:{exercise_id}");
        for _ in 0..TRIES {
            let entry = self.sidecar.get::<u32>(&key).await?;
            let (number, concurrency) = match &entry {
                Some(Entry { value, etag }) => (value.saturating_add(1), Concurrency::Match(etag)),
                None => (1, Concurrency::Absent),
            };
            match self.sidecar.set(&key, &number, Some(COUNTED), concurrency).await {
                Err(Error::Conflict { .. }) => {}
                result => return result.map(|()| number),
            }
        }
        Err(Error::Conflict { key })
    }

    /// What the caller's placement quiz said; nothing before they took it.
    pub async fn placement(&self) -> Result<Vec<PlacementLevel>, Status> {
        Ok(self.record().get_placement(GetPlacementRequest {}).await?.into_inner().levels)
    }

    /// Records the caller's placement quiz, once.
    pub async fn record_placement(&self, request: RecordPlacementRequest) -> Result<(), Status> {
        self.record().record_placement(request).await.map(drop)
    }

    fn record(&self) -> PracticeRecordServiceClient<AppChannel> {
        PracticeRecordServiceClient::new(self.sidecar.app("progress-service"))
    }
}

fn key(id: &str) -> String {
    format!("exercise:{id}")
}
