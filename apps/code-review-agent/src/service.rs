use learnflow_proto::v1::{ReviewRequest, ReviewResponse, review_service_server::ReviewService};
use tonic::{Request, Response, Status};

/// Reviews on call.
pub struct Reviews;

#[tonic::async_trait]
impl ReviewService for Reviews {
    async fn review(&self, _: Request<ReviewRequest>) -> Result<Response<ReviewResponse>, Status> {
        Err(Status::unimplemented("code reviews are not built yet: ask a question about the code instead"))
    }
}
