use std::{pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use learnflow_proto::v1::{
    ExecuteBatchRequest, ExecuteBatchResponse, ExecuteInteractiveRequest, ExecuteInteractiveResponse, ExecuteRequest,
    ExecuteResponse, ExecuteStreamRequest, ExecuteStreamResponse, GetRuntimeRequest, GetRuntimeResponse, GradeRequest,
    GradeResponse, execution_service_server::ExecutionService,
};
use learnflow_sidecar::Context;
use tonic::{Request, Response, Status, Streaming, metadata::MetadataMap};
use tracing::info_span;

use crate::{
    admission::Student,
    execution::Execution,
    fact::is_students_own,
    grade,
    program::{batch, program, response},
    stream,
};

/// The patience of a caller who set no deadline; the longest wait that is admitted may be shorter.
const PATIENCE: Duration = Duration::from_secs(30);
/// Runs of a batch that are under way at a time.
const BATCH_WIDTH: usize = 4;

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// On whose behalf the call is made.
pub(crate) fn student() -> Student {
    Context::current().caller.map(|caller| Arc::from(caller.id))
}

/// How long a call may wait: half of its deadline, the other half is for the run.
fn patience(metadata: &MetadataMap) -> Duration {
    metadata.get("grpc-timeout").and_then(|text| timeout(text.to_str().ok()?)).map_or(PATIENCE, |deadline| deadline / 2)
}

/// A gRPC timeout: at most eight digits and a unit.
fn timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3_600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[tonic::async_trait]
impl ExecutionService for Execution {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        let patience = patience(request.metadata());
        let students_own = is_students_own(request.metadata());
        let program = info_span!("admission").in_scope(|| program(request.into_inner()))?;
        let result = response(self.run(program, student(), patience).await?);
        if let Some(caller) = Context::current().caller {
            if students_own {
                self.record_run(caller.id.clone(), &result);
            }
            self.note_run(caller.id, &result);
        }
        Ok(Response::new(result))
    }

    async fn execute_batch(
        &self,
        request: Request<ExecuteBatchRequest>,
    ) -> Result<Response<ExecuteBatchResponse>, Status> {
        let patience = patience(request.metadata());
        let students_own = is_students_own(request.metadata());
        let programs = info_span!("admission").in_scope(|| batch(request.into_inner()))?;
        let student = student();
        // Each run waits for its turn, so a batch is no way past others.
        let runs = programs.into_iter().map(|program| self.run(program, student.clone(), patience));
        let outcomes: Vec<_> = futures::stream::iter(runs).buffered(BATCH_WIDTH).try_collect().await?;
        let results: Vec<_> = outcomes.into_iter().map(response).collect();
        if let Some(caller) = Context::current().caller {
            let worst = results.iter().find(|result| result.status != "completed").or(results.first());
            let duration_ms = results.iter().map(|result| result.duration_ms).sum();
            let whole = ExecuteResponse { duration_ms, ..worst.cloned().unwrap_or_default() };
            if students_own {
                self.record_run(caller.id.clone(), &whole);
            }
            self.note_run(caller.id, &whole);
        }
        Ok(Response::new(ExecuteBatchResponse { results }))
    }

    type ExecuteStreamStream = Events<ExecuteStreamResponse>;

    async fn execute_stream(
        &self,
        request: Request<ExecuteStreamRequest>,
    ) -> Result<Response<Self::ExecuteStreamStream>, Status> {
        let patience = patience(request.metadata());
        let request = request.into_inner().program.unwrap_or_default();
        let program = info_span!("admission").in_scope(|| program(request))?;
        let permit = self.admit(self.runs(), student(), patience).await?;
        let run = self.start(program).await?;
        Ok(Response::new(Box::pin(stream::output(self.clone(), run, permit))))
    }

    type ExecuteInteractiveStream = Events<ExecuteInteractiveResponse>;

    async fn execute_interactive(
        &self,
        request: Request<Streaming<ExecuteInteractiveRequest>>,
    ) -> Result<Response<Self::ExecuteInteractiveStream>, Status> {
        let patience = patience(request.metadata());
        let mut incoming = request.into_inner();
        let (program, first) = stream::first_message(&mut incoming).await?;
        let permit = self.admit(self.sessions(), student(), patience).await?;
        let mut run = self.start(program).await?;
        if !first.is_empty() {
            run.send(first);
        }
        Ok(Response::new(Box::pin(stream::interactive(self.clone(), run, permit, incoming))))
    }

    async fn grade(&self, request: Request<GradeRequest>) -> Result<Response<GradeResponse>, Status> {
        let patience = patience(request.metadata());
        let task = info_span!("admission").in_scope(|| grade::Task::of(request.into_inner()))?;
        let _permit = self.admit(self.runs(), student(), patience).await?;
        let results = self.judge(task, patience).await?;
        Ok(Response::new(GradeResponse { results }))
    }

    async fn get_runtime(&self, _: Request<GetRuntimeRequest>) -> Result<Response<GetRuntimeResponse>, Status> {
        let version = self.python_version().await?;
        Ok(Response::new(GetRuntimeResponse { language: "python".to_owned(), version }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Overload: the deadline that a caller sets is read as gRPC writes it.
    #[test]
    fn deadlines_are_read() {
        let wait = |text: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", text.parse().unwrap());
            patience(&metadata)
        };
        assert_eq!(wait("5S"), Duration::from_millis(2_500));
        assert_eq!(wait("5000m"), Duration::from_millis(2_500));
        assert_eq!(wait("99999999H"), Duration::from_hours(99_999_999) / 2);
        for junk in ["", "S", "5", "5x", "-5S", "123456789S"] {
            assert_eq!(wait(junk), PATIENCE, "{junk:?}");
        }
        assert_eq!(patience(&MetadataMap::new()), PATIENCE);
    }
}
