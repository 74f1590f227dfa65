use learnflow_proto::v1::{DebugRequest, DebugResponse, debug_service_server::DebugService};
use tonic::{Request, Response, Status};

/// Debugs on call.
pub struct Debugging;

#[tonic::async_trait]
impl DebugService for Debugging {
    async fn debug(&self, _: Request<DebugRequest>) -> Result<Response<DebugResponse>, Status> {
        Err(Status::unimplemented(
            "the hint ladder is not built yet: ask a question with the code and its error instead",
        ))
    }
}
