//! Where programs run: code-execution, through the sidecars.

use std::time::Duration;

use learnflow_proto::v1::{
    CaseResult, ExecuteRequest, ExecuteResponse, GradeRequest, execution_service_client::ExecutionServiceClient,
};
use learnflow_sidecar::Sidecar;
use tonic::{Request, Status};

/// How long a call may take, the wait for its turn included; shorter than what the gateway grants.
const DEADLINE: Duration = Duration::from_secs(24);

/// Runs programs.
#[tonic::async_trait]
pub trait Sandbox: Send + Sync + 'static {
    /// Runs a program to its end.
    async fn execute(&self, request: ExecuteRequest) -> Result<ExecuteResponse, Status>;
    /// Runs a program's test cases: a result for each, in their order.
    async fn grade(&self, request: GradeRequest) -> Result<Vec<CaseResult>, Status>;
}

#[tonic::async_trait]
impl Sandbox for Sidecar {
    async fn execute(&self, request: ExecuteRequest) -> Result<ExecuteResponse, Status> {
        let mut client = ExecutionServiceClient::new(self.app("code-execution"));
        Ok(client.execute(within_deadline(request)).await?.into_inner())
    }

    async fn grade(&self, request: GradeRequest) -> Result<Vec<CaseResult>, Status> {
        let cases = request.cases.len();
        let mut client = ExecutionServiceClient::new(self.app("code-execution"));
        let results = client.grade(within_deadline(request)).await?.into_inner().results;
        if results.len() != cases {
            return Err(Status::internal(format!("{} verdicts came for {cases} test cases", results.len())));
        }
        Ok(results)
    }
}

fn within_deadline<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}
