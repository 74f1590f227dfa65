use learnflow_proto::v1::{
    GenerateExercisesRequest, GenerateExercisesResponse, GetExerciseRequest, GetExerciseResponse, ListExercisesRequest,
    ListExercisesResponse, SubmitExerciseRequest, SubmitExerciseResponse, exercise_service_server::ExerciseService,
};
use tonic::{Request, Response, Status};

const UNBUILT: &str = "exercises are not built yet";

/// Exercises on call.
pub struct Exercises;

#[tonic::async_trait]
impl ExerciseService for Exercises {
    async fn generate_exercises(
        &self,
        _: Request<GenerateExercisesRequest>,
    ) -> Result<Response<GenerateExercisesResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn list_exercises(
        &self,
        _: Request<ListExercisesRequest>,
    ) -> Result<Response<ListExercisesResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn get_exercise(&self, _: Request<GetExerciseRequest>) -> Result<Response<GetExerciseResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }

    async fn submit_exercise(
        &self,
        _: Request<SubmitExerciseRequest>,
    ) -> Result<Response<SubmitExerciseResponse>, Status> {
        Err(Status::unimplemented(UNBUILT))
    }
}
