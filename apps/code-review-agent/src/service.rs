use std::{sync::Arc, time::Duration};

use learnflow_curriculum::{Curriculum, Level};
use learnflow_model::StudentData;
use learnflow_proto::v1::{Review, ReviewRequest, ReviewResponse, review_service_server::ReviewService};
use learnflow_service::Violations;
use tonic::{Request, Response, Status};

use learnflow_sidecar::Context;

use crate::{reviewing, wording::Wording};

/// Most of a program, in bytes.
const CODE_MOST: usize = 64 * 1024;

/// How long a call waits for the model's words: its caller gives up after 5 s.
const PATIENCE: Duration = Duration::from_secs(4);

/// Reviews on call.
pub struct Reviews {
    pub curriculum: Arc<Curriculum>,
    pub wording: Wording,
}

#[tonic::async_trait]
impl ReviewService for Reviews {
    async fn review(&self, request: Request<ReviewRequest>) -> Result<Response<ReviewResponse>, Status> {
        let ReviewRequest { code, topic, level } = request.into_inner();
        let level = level.unwrap_or_else(|| "beginner".to_owned());
        let mut violations = Violations::default();
        violations.check(!code.trim().is_empty(), "code", || "must not be empty".to_owned());
        violations.size(&code, "code", CODE_MOST);
        violations.one_of(&level, "level", &["beginner", "learning", "proficient", "mastered"]);
        violations.finish()?;
        if let Some(id) = topic.as_deref().filter(|id| self.curriculum.topic(id).is_none()) {
            return Err(Status::not_found(format!("there is no topic {id:?}: GET /api/v1/concepts lists them")));
        }
        let level: Level = level.parse().unwrap_or_default();
        let review = reviewing::review(code.clone(), level).await;
        let mut review = review.ok_or_else(|| Status::internal("the program could not be reviewed"))?;
        let student_id = Context::current().caller.map(|caller| caller.id).unwrap_or_default();
        let student = StudentData { text: "", code: Some(&code), error: None };
        let source = self.wording.reword(&mut review, &student_id, student, level, PATIENCE).await;
        let review = reviewing::message(review, source);
        let Review { rating, correctness, comments, summary, source, parts, functions } = review;
        Ok(Response::new(ReviewResponse { rating, correctness, comments, summary, source, parts, functions }))
    }
}
