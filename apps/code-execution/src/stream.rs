//! Runs whose output is seen while they go on.

use std::time::Duration;

use futures::{Stream, stream::unfold};
use learnflow_proto::v1::{
    ExecuteInteractiveRequest, ExecuteInteractiveResponse, ExecuteResponse, ExecuteStreamResponse,
    execute_interactive_request::Event as Sent, execute_interactive_response::Event as Shown,
    execute_stream_response::Event as Output,
};
use learnflow_sandbox::{Event, Outcome, Program, Run, Stdin};
use learnflow_sidecar::Context;
use tonic::{Status, Streaming};
use tracing::{Instrument as _, Span, info_span};

use crate::{
    admission::Permit,
    execution::Execution,
    program::{MAX_TEXT, program, response},
};

/// How long a client may take to send the program.
const FIRST_MESSAGE: Duration = Duration::from_secs(10);

/// A run under way. Dropped with its stream, it ends the program and frees the slot.
struct Watched {
    execution: Execution,
    run: Run,
    /// Where the request came from: streams are polled outside its task.
    context: Context,
    span: Span,
    _permit: Permit,
}

impl Watched {
    fn new(execution: Execution, run: Run, permit: Permit) -> Self {
        Self { execution, run, context: Context::current(), span: info_span!("run"), _permit: permit }
    }

    /// The result, without the output: that has been shown.
    fn result(&self, outcome: Outcome) -> ExecuteResponse {
        self.execution.note_outcome(&outcome);
        let result = response(outcome);
        if let Some(caller) = &self.context.caller {
            self.execution.record_run(caller.id.clone(), &result);
            self.execution.note_run(caller.id.clone(), &result);
        }
        ExecuteResponse { stdout: String::new(), stderr: String::new(), ..result }
    }
}

/// Output as it comes, and the result.
pub fn output(
    execution: Execution,
    run: Run,
    permit: Permit,
) -> impl Stream<Item = Result<ExecuteStreamResponse, Status>> {
    unfold(Some(Watched::new(execution, run, permit)), async |watched| {
        let mut watched = watched?;
        let span = watched.span.clone();
        loop {
            let event = match watched.run.next().instrument(span.clone()).await? {
                Event::Stdout(text) => Output::Stdout(text),
                Event::Stderr(text) => Output::Stderr(text),
                Event::WaitingForInput => continue,
                Event::Finished(outcome) => {
                    let event = Some(Output::Result(watched.result(outcome)));
                    return Some((Ok(ExecuteStreamResponse { event }), None));
                }
                Event::Failed(error) => return Some((Err(watched.execution.failed(error)), None)),
            };
            return Some((Ok(ExecuteStreamResponse { event: Some(event) }), Some(watched)));
        }
    })
}

/// Waits for the program of an interactive run, and for what it can read at once.
pub async fn first_message(incoming: &mut Streaming<ExecuteInteractiveRequest>) -> Result<(Program, String), Status> {
    let late = |_| Status::deadline_exceeded("no program was sent: the first message must be one");
    let first = tokio::time::timeout(FIRST_MESSAGE, incoming.message()).await.map_err(late)??;
    let Some(ExecuteInteractiveRequest { event: Some(Sent::Program(mut request)) }) = first else {
        return Err(Status::invalid_argument("program: the first message must be one"));
    };
    let first = request.stdin.take().unwrap_or_default();
    Ok((Program { stdin: Stdin::Open, ..program(request)? }, first))
}

/// A run and what the student types.
struct Session {
    watched: Watched,
    /// `None` when there is no more to come.
    incoming: Option<Streaming<ExecuteInteractiveRequest>>,
    /// Bytes typed.
    typed: usize,
}

/// Output and prompts as they come, and the result; what the student types is handed on.
pub fn interactive(
    execution: Execution,
    run: Run,
    permit: Permit,
    incoming: Streaming<ExecuteInteractiveRequest>,
) -> impl Stream<Item = Result<ExecuteInteractiveResponse, Status>> {
    let session = Session { watched: Watched::new(execution, run, permit), incoming: Some(incoming), typed: 0 };
    unfold(Some(session), async |session| {
        let mut session = session?;
        match session.next().await? {
            (Ok(event), goes_on) => {
                let response = ExecuteInteractiveResponse { event: Some(event) };
                Some((Ok(response), goes_on.then_some(session)))
            }
            (Err(status), _) => Some((Err(status), None)),
        }
    })
}

impl Session {
    /// The next event to show, and whether more may come. Nothing when the client is gone.
    async fn next(&mut self) -> Option<(Result<Shown, Status>, bool)> {
        loop {
            let Watched { run, span, .. } = &mut self.watched;
            let typed = async {
                match &mut self.incoming {
                    Some(incoming) => incoming.message().await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                biased;
                event = run.next().instrument(span.clone()) => event?,
                message = typed => {
                    if let Err(status) = self.take(message)? {
                        return Some((Err(status), false));
                    }
                    continue;
                }
            };
            return Some(match event {
                Event::Stdout(text) => (Ok(Shown::Stdout(text)), true),
                Event::Stderr(text) => (Ok(Shown::Stderr(text)), true),
                Event::WaitingForInput => (Ok(Shown::WaitingForInput(true)), true),
                Event::Finished(outcome) => (Ok(Shown::Result(self.watched.result(outcome))), false),
                Event::Failed(error) => (Err(self.watched.execution.failed(error)), false),
            });
        }
    }

    /// Hands on what came from the student. `None` when the connection broke.
    fn take(&mut self, message: Result<Option<ExecuteInteractiveRequest>, Status>) -> Option<Result<(), Status>> {
        match message.ok()? {
            // The client has said all.
            None => {
                self.incoming = None;
                self.watched.run.close_stdin();
            }
            Some(ExecuteInteractiveRequest { event: Some(Sent::Stdin(text)) }) => {
                self.typed += text.len();
                if self.typed > MAX_TEXT {
                    return Some(Err(Status::invalid_argument(format!(
                        "stdin: at most {MAX_TEXT} bytes can be typed"
                    ))));
                }
                self.watched.run.send(text);
            }
            Some(ExecuteInteractiveRequest { event: Some(Sent::EndOfInput(true)) }) => self.watched.run.close_stdin(),
            Some(ExecuteInteractiveRequest { event: Some(Sent::Program(_)) }) => {
                return Some(Err(Status::invalid_argument("program: only the first message may be one")));
            }
            Some(ExecuteInteractiveRequest { event: Some(Sent::EndOfInput(false)) | None }) => {}
        }
        Some(Ok(()))
    }
}
