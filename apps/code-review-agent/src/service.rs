use std::sync::Arc;

use learnflow_curriculum::Curriculum;
use learnflow_proto::v1::{Review, ReviewRequest, ReviewResponse, review_service_server::ReviewService};
use learnflow_service::Violations;
use tonic::{Request, Response, Status};

use crate::reviewing;

/// Most of a program, in bytes.
const CODE_MOST: usize = 64 * 1024;

/// Reviews on call.
pub struct Reviews {
    pub curriculum: Arc<Curriculum>,
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
        let review = reviewing::review(code, level.parse().unwrap_or_default()).await;
        let review = review.ok_or_else(|| Status::internal("the program could not be reviewed"))?;
        let Review { rating, correctness, comments, summary, source, parts, functions } = reviewing::message(review);
        Ok(Response::new(ReviewResponse { rating, correctness, comments, summary, source, parts, functions }))
    }
}
