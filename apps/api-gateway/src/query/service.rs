use std::time::Duration;

use axum::http::HeaderMap;
use learnflow_proto::v1::{
    AskRequest, AskResponse, GetQueryRequest, GetQueryResponse, WatchQueryRequest, query_service_server::QueryService,
};
use learnflow_questions::{Asked, Events, not_found};
use learnflow_requests::Outcome;
use learnflow_sidecar::Context;
use tonic::{Request, Response, Status};

use crate::gateway::Gateway;

/// How long a question is waited for when its sender does not say, in seconds.
const WAIT: u32 = 5;
/// The longest wait, in seconds.
const LONGEST_WAIT: u32 = 30;

#[tonic::async_trait]
impl QueryService for Gateway {
    async fn ask(&self, request: Request<AskRequest>) -> Result<Response<AskResponse>, Status> {
        let request = request.into_inner();
        let wait = Duration::from_secs(request.wait_seconds.unwrap_or(WAIT).into());
        let Asked { request_id, outcome } = self.questions().ask(request, wait).await?;
        let (status, answer, problem) = parts(outcome);
        Ok(Response::new(AskResponse { request_id, status, answer, problem }))
    }

    async fn get_query(&self, request: Request<GetQueryRequest>) -> Result<Response<GetQueryResponse>, Status> {
        let request_id = request.into_inner().request_id;
        let context = Context::current();
        let record = self.questions().look_up(&context.caller()?.id, &request_id).await?.ok_or_else(not_found)?;
        let (status, answer, problem) = parts(record.outcome);
        Ok(Response::new(GetQueryResponse { request_id, status, answer, problem }))
    }

    type WatchQueryStream = Events;

    async fn watch_query(&self, request: Request<WatchQueryRequest>) -> Result<Response<Events>, Status> {
        let WatchQueryRequest { request_id, resume_token } = request.into_inner();
        let student_id = Context::current().caller()?.id.clone();
        self.questions().follow(student_id, request_id, resume_token.as_deref()).await.map(Response::new)
    }
}

fn parts(
    outcome: Option<Outcome>,
) -> (String, Option<learnflow_proto::v1::Answer>, Option<learnflow_proto::v1::Problem>) {
    match outcome {
        None => ("pending".to_owned(), None, None),
        Some(Outcome::Answered(answer)) => ("answered".to_owned(), Some(*answer), None),
        Some(Outcome::Failed(problem)) => ("failed".to_owned(), None, Some(problem)),
    }
}

/// Seconds to wait by the Prefer header (RFC 7240); preferences that make no sense are ignored, as it says.
pub fn prefer(headers: &HeaderMap) -> Option<u32> {
    let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let mut wait = None;
    for preference in preferences.flat_map(|value| value.split([',', ';'])).map(str::trim) {
        if preference.eq_ignore_ascii_case("respond-async") {
            return Some(0);
        }
        if let Some(seconds) = preference.strip_prefix("wait=").and_then(|seconds| seconds.trim().parse::<u32>().ok()) {
            wait = Some(seconds.min(LONGEST_WAIT));
        }
    }
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-001: Prefer decides how long a question waits.
    #[test]
    fn reads_preferences() {
        let wait =
            |value: &'static str| prefer(&HeaderMap::from_iter([("prefer".parse().unwrap(), value.parse().unwrap())]));
        assert_eq!(wait("wait=10"), Some(10));
        assert_eq!(wait("wait=100"), Some(30));
        assert_eq!(wait("respond-async, wait=10"), Some(0));
        assert_eq!(wait("wait=soon"), None);
        assert_eq!(wait("return=minimal"), None);
    }
}
