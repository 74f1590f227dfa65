use std::iter;

use futures::{StreamExt as _, TryStreamExt as _, stream, try_join};
use learnflow_curriculum::Difficulty;
use learnflow_proto::v1::{
    GenerateExercisesRequest, GenerateExercisesResponse, GetExerciseRequest, GetExerciseResponse,
    GetPlacementQuizRequest, GetPlacementQuizResponse, GetQuizRequest, GetQuizResponse, ListExercisesRequest,
    ListExercisesResponse, ListStoredExercisesRequest, ListStoredExercisesResponse, ProposeExerciseRequest,
    ProposeExerciseResponse, RecordPlacementRequest, SubmitExerciseRequest, SubmitExerciseResponse,
    SubmitPlacementQuizRequest, SubmitPlacementQuizResponse, SubmitQuizAttemptRequest, SubmitQuizAttemptResponse,
    exercise_service_server::ExerciseService, quiz_service_server::QuizService,
};
use learnflow_service::Violations;
use learnflow_sidecar::Context;
use tonic::{Request, Response, Status};
use uuid::Uuid;

use crate::{
    made::Made,
    placement,
    practice::{Practice, number, text},
    quiz,
    wish::Wish,
};

/// Most exercises of one request.
const MAX_COUNT: u32 = 10;
/// Exercises of one request that are made at a time, beside the first.
const WIDTH: usize = 2;
/// Most bytes of a solution.
const MAX_CODE: usize = 64 * 1024;

/// The difficulty that a word names.
pub fn difficulty(word: &str) -> Option<Difficulty> {
    Difficulty::ALL.into_iter().find(|difficulty| difficulty.as_str() == word)
}

/// A seed nobody has chosen.
pub fn any_seed() -> u32 {
    Uuid::new_v4().as_fields().0
}

fn student() -> Result<String, Status> {
    Context::current().caller().map(|caller| caller.id.clone())
}

fn no_such_exercise(id: &str) -> Status {
    Status::not_found(format!("there is no exercise {id:?}: GET /api/v1/exercises lists them"))
}

#[tonic::async_trait]
impl ExerciseService for Practice {
    async fn generate_exercises(
        &self,
        request: Request<GenerateExercisesRequest>,
    ) -> Result<Response<GenerateExercisesResponse>, Status> {
        let GenerateExercisesRequest { topic, difficulty: word, count, seed } = request.into_inner();
        let student_id = student()?;
        let count = count.unwrap_or(1);
        Violations::default()
            .text(&topic, "topic", 200)
            .one_of(&word, "difficulty", &Difficulty::ALL.map(Difficulty::as_str))
            .check((1..=MAX_COUNT).contains(&count), "count", || format!("must be from 1 to {MAX_COUNT}"))
            .finish()?;
        let (topic, difficulty) = (self.topic(&topic)?, difficulty(&word).unwrap_or(Difficulty::Easy));
        let first = Wish {
            user_id: &student_id,
            topic,
            difficulty,
            level: None,
            words: None,
            seed: seed.unwrap_or_else(any_seed),
            by_model: seed.is_none(),
            request_id: None,
        };
        // One by the model: asked twice for the same at once, it would write much the same.
        let others = stream::iter(1..count)
            .map(|number| async move {
                let wish = Wish { seed: first.seed.wrapping_add(number), by_model: false, ..first };
                self.wished(&wish).await
            })
            .buffered(WIDTH)
            .try_collect::<Vec<_>>();
        let (first, others) = try_join!(self.wished(&first), others)?;
        let exercises = iter::once(first).chain(others).collect();
        Ok(Response::new(GenerateExercisesResponse { exercises }))
    }

    async fn list_exercises(
        &self,
        request: Request<ListExercisesRequest>,
    ) -> Result<Response<ListExercisesResponse>, Status> {
        let ListExercisesRequest { topic, difficulty, page_size, page_token } = request.into_inner();
        student()?;
        if let Some(word) = &difficulty {
            Violations::default().one_of(word, "difficulty", &Difficulty::ALL.map(Difficulty::as_str)).finish()?;
        }
        if let Some(id) = &topic {
            self.topic(id)?;
        }
        let page = ListStoredExercisesRequest { topic, difficulty, page_size, page_token };
        let ListStoredExercisesResponse { exercises, next_page_token } = self.store().list(page).await?;
        Ok(Response::new(ListExercisesResponse { exercises, next_page_token }))
    }

    async fn get_exercise(
        &self,
        request: Request<GetExerciseRequest>,
    ) -> Result<Response<GetExerciseResponse>, Status> {
        let id = request.into_inner().id;
        student()?;
        let Made { exercise, .. } = self.store().find(&id).await?.ok_or_else(|| no_such_exercise(&id))?;
        Ok(Response::new(GetExerciseResponse { exercise: Some(exercise) }))
    }

    async fn submit_exercise(
        &self,
        request: Request<SubmitExerciseRequest>,
    ) -> Result<Response<SubmitExerciseResponse>, Status> {
        let SubmitExerciseRequest { exercise_id, code } = request.into_inner();
        let student_id = student()?;
        Violations::default().text(&code, "code", usize::MAX).size(&code, "code", MAX_CODE).finish()?;
        let made = self.store().find(&exercise_id).await?.ok_or_else(|| no_such_exercise(&exercise_id))?;
        self.submit(&student_id, &made, code).await.map(Response::new)
    }

    async fn propose_exercise(
        &self,
        request: Request<ProposeExerciseRequest>,
    ) -> Result<Response<ProposeExerciseResponse>, Status> {
        let context = Context::current();
        let exercise = Some(self.propose(context.caller()?, request.into_inner()).await?);
        Ok(Response::new(ProposeExerciseResponse { exercise }))
    }
}

#[tonic::async_trait]
impl QuizService for Practice {
    async fn get_quiz(&self, request: Request<GetQuizRequest>) -> Result<Response<GetQuizResponse>, Status> {
        let topic = request.into_inner().topic;
        let student_id = student()?;
        let questions = quiz::questions(self.topic(&topic)?, &student_id);
        if questions.is_empty() {
            return Err(Status::not_found(format!("the topic {topic:?} has no quiz")));
        }
        Ok(Response::new(GetQuizResponse { questions }))
    }

    async fn submit_quiz_attempt(
        &self,
        request: Request<SubmitQuizAttemptRequest>,
    ) -> Result<Response<SubmitQuizAttemptResponse>, Status> {
        let SubmitQuizAttemptRequest { topic, answers } = request.into_inner();
        let student_id = student()?;
        let topic = self.topic(&topic)?;
        if topic.quiz.is_empty() {
            return Err(Status::not_found(format!("the topic {:?} has no quiz", topic.id)));
        }
        let attempt = quiz::grade(topic, &student_id, &answers)?;
        let attempt_id = self.record_quiz(&student_id, topic, &attempt).await?;
        let quiz::Attempt { score, passed, results, .. } = attempt;
        Ok(Response::new(SubmitQuizAttemptResponse { score, passed, results, attempt_id }))
    }

    async fn get_placement_quiz(
        &self,
        _: Request<GetPlacementQuizRequest>,
    ) -> Result<Response<GetPlacementQuizResponse>, Status> {
        let student_id = student()?;
        let levels = self.store().placement().await?;
        let curriculum = self.tutor().curriculum();
        let questions = if levels.is_empty() { placement::questions(curriculum, &student_id) } else { Vec::new() };
        Ok(Response::new(GetPlacementQuizResponse { questions, levels }))
    }

    async fn submit_placement_quiz(
        &self,
        request: Request<SubmitPlacementQuizRequest>,
    ) -> Result<Response<SubmitPlacementQuizResponse>, Status> {
        let student_id = student()?;
        let graded = placement::grade(self.tutor().curriculum(), &student_id, &request.into_inner().answers)?;
        let RecordPlacementRequest { attempt_id, levels, score, .. } = graded.clone();
        self.store().record_placement(graded).await?;
        let detail = [("attempt_id", text(&attempt_id)), ("score", number(score))];
        self.note(&student_id, "placement.attempted", detail).await;
        Ok(Response::new(SubmitPlacementQuizResponse { levels, attempt_id, score }))
    }
}
