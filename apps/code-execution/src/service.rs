use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use futures::Stream;
use learnflow_proto::{
    Kind, Struct, Value,
    events::LearningEvent,
    now, topics,
    v1::{
        ExecuteInteractiveRequest, ExecuteInteractiveResponse, ExecuteRequest, ExecuteResponse, ExecuteStreamRequest,
        ExecuteStreamResponse, GradeRequest, GradeResponse, execution_service_server::ExecutionService,
    },
};
use learnflow_sandbox::{Outcome, Program, Sandbox, SandboxError, SourceFile};
use learnflow_service::Violations;
use learnflow_sidecar::{Context, Sidecar};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What the handlers share.
#[derive(Clone)]
pub struct Execution {
    pub(crate) sidecar: Sidecar,
    sandbox: Arc<Sandbox>,
}

impl Execution {
    pub fn new(sidecar: Sidecar, sandbox: Arc<Sandbox>) -> Self {
        Self { sidecar, sandbox }
    }

    /// Runs a program to its end.
    pub(crate) async fn run(&self, request: ExecuteRequest) -> Result<ExecuteResponse, Status> {
        let program = program(request)?;
        let outcome = self.sandbox.run(program).await.map_err(refusal)?;
        metrics::histogram!("execution_seconds", "status" => outcome.status.as_str()).record(outcome.duration);
        Ok(response(outcome))
    }

    /// Puts a run into the audit stream, beside the work: nobody waits for it.
    pub(crate) fn note_run(&self, student_id: String, result: &ExecuteResponse) {
        let status = Value { kind: Some(Kind::StringValue(result.status.clone())) };
        let duration = Value { kind: Some(Kind::NumberValue(result.duration_ms.into())) };
        let fields = HashMap::from([("status".to_owned(), status), ("duration_ms".to_owned(), duration)]);
        let event = LearningEvent {
            student_id,
            kind: "code.executed".to_owned(),
            occurred_at: Some(now()),
            detail: Some(Struct { fields }),
        };
        let sidecar = self.sidecar.clone();
        tokio::spawn(Context::current().scope(async move {
            let publication = sidecar.publish(topics::PUBSUB, topics::LEARNING_EVENTS, &event.student_id, &event);
            if let Err(error) = publication.await {
                tracing::warn!(%error, "run not audited");
            }
        }));
    }
}

fn program(request: ExecuteRequest) -> Result<Program, Status> {
    let ExecuteRequest { code, stdin, files, args, time_limit_ms, memory_limit_mb } = request;
    let time_limit_ms = time_limit_ms.unwrap_or(5_000);
    let mut violations = Violations::default();
    violations.text(&code, "code", usize::MAX).size(&code, "code", 64 * 1024);
    violations.size(stdin.as_deref().unwrap_or_default(), "stdin", 64 * 1024);
    violations.check((100..=5_000).contains(&time_limit_ms), "time_limit_ms", || "must be from 100 to 5000".to_owned());
    violations.finish()?;

    let mut program = Program::new(code);
    program.stdin = stdin.unwrap_or_default().into_bytes();
    program.files = files.into_iter().map(|file| SourceFile { name: file.name, content: file.content }).collect();
    program.args = args;
    program.time_limit = Duration::from_millis(time_limit_ms.into());
    if let Some(memory) = memory_limit_mb {
        program.memory_limit_mb = memory;
    }
    Ok(program)
}

fn refusal(error: SandboxError) -> Status {
    match error {
        SandboxError::Invalid(invalid) => {
            let details = ErrorDetails::with_bad_request_violation(&invalid.field, &invalid.problem);
            Status::with_error_details(Code::InvalidArgument, invalid.to_string(), details)
        }
        SandboxError::Busy { .. } => {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(2)));
            let message = "too many programs are waiting to run: try again in two seconds";
            Status::with_error_details(Code::ResourceExhausted, message, details)
        }
        error => {
            tracing::error!(%error, "the sandbox failed");
            Status::internal(format!("the sandbox failed: {error}"))
        }
    }
}

fn response(outcome: Outcome) -> ExecuteResponse {
    ExecuteResponse {
        status: outcome.status.as_str().to_owned(),
        exit_code: outcome.exit_code,
        signal: outcome.signal,
        stdout: outcome.stdout,
        stderr: outcome.stderr,
        stdout_truncated: outcome.stdout_truncated,
        stderr_truncated: outcome.stderr_truncated,
        duration_ms: milliseconds(outcome.duration),
        cpu_ms: milliseconds(outcome.cpu),
        peak_memory_kb: u32::try_from(outcome.peak_memory_kb).unwrap_or(u32::MAX),
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

type Events<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ExecutionService for Execution {
    async fn execute(&self, request: Request<ExecuteRequest>) -> Result<Response<ExecuteResponse>, Status> {
        let result = self.run(request.into_inner()).await?;
        if let Some(caller) = Context::current().caller {
            self.note_run(caller.id, &result);
        }
        Ok(Response::new(result))
    }

    type ExecuteStreamStream = Events<ExecuteStreamResponse>;

    async fn execute_stream(
        &self,
        _: Request<ExecuteStreamRequest>,
    ) -> Result<Response<Self::ExecuteStreamStream>, Status> {
        Err(Status::unimplemented("streamed output is not built yet: use Execute"))
    }

    type ExecuteInteractiveStream = Events<ExecuteInteractiveResponse>;

    async fn execute_interactive(
        &self,
        _: Request<Streaming<ExecuteInteractiveRequest>>,
    ) -> Result<Response<Self::ExecuteInteractiveStream>, Status> {
        Err(Status::unimplemented("interactive input is not built yet: give Execute all of stdin"))
    }

    async fn grade(&self, _: Request<GradeRequest>) -> Result<Response<GradeResponse>, Status> {
        Err(Status::unimplemented("grading is not built yet"))
    }
}
