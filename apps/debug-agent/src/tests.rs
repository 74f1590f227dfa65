//! The tests that a program is to pass.

use learnflow_proto::v1::{
    GetStoredExerciseRequest, GetStoredExerciseResponse, GradeRequest, TestCase,
    practice_record_service_client::PracticeRecordServiceClient,
};
use learnflow_sidecar::Sidecar;
use tonic::{Code, Status};
use uuid::Uuid;

/// Tests, the hidden ones among them if they are an exercise's.
pub struct Tests {
    pub cases: Vec<TestCase>,
    pub exercise_id: Option<String>,
    pub topic: Option<String>,
}

impl Tests {
    /// A student's own: nothing of them is hidden from the student.
    pub fn own(cases: Vec<TestCase>) -> Self {
        let cases = cases.into_iter().map(|case| TestCase { visible: true, ..case }).collect();
        Self { cases, exercise_id: None, topic: None }
    }

    /// Those of an exercise, from the record.
    pub async fn of_exercise(sidecar: &Sidecar, id: &str) -> Result<Self, Status> {
        let missing = || Status::not_found(format!("there is no exercise {id:?}: GET /api/v1/exercises lists them"));
        if Uuid::try_parse(id).is_err() {
            return Err(missing());
        }
        let mut client = PracticeRecordServiceClient::new(sidecar.app("progress-service"));
        let response = match client.get_stored_exercise(GetStoredExerciseRequest { id: id.to_owned() }).await {
            Ok(response) => response.into_inner(),
            Err(status) if status.code() == Code::NotFound => return Err(missing()),
            Err(status) => return Err(status),
        };
        let GetStoredExerciseResponse { exercise, grading } = response;
        let damaged = || Status::internal(format!("the stored exercise {id} has no content"));
        let (exercise, grading) = (exercise.ok_or_else(damaged)?, grading.ok_or_else(damaged)?);
        let cases = grading.cases().collect();
        Ok(Self { cases, exercise_id: Some(exercise.id), topic: Some(exercise.topic) })
    }

    /// As a request to grade a program by.
    pub fn request(&self, code: &str) -> GradeRequest {
        GradeRequest { code: code.to_owned(), cases: self.cases.clone(), coverage: true, ..GradeRequest::default() }
    }
}
