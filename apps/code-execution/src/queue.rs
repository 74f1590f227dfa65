use std::{sync::Arc, time::Duration};

use learnflow_proto::{
    events::{ExecutionFinished, ExecutionRequested},
    topics,
};
use learnflow_sidecar::{Event, Outcome};
use tokio::time::sleep;
use tonic::Code;

use crate::{
    execution::Execution,
    program::{program, response},
};

/// How long a queued program waits before a busy sandbox is asked again.
const PAUSE: Duration = Duration::from_millis(200);
/// How often.
const TRIES: usize = 20;
/// How long it waits for its turn: as long as is admitted.
const PATIENCE: Duration = Duration::MAX;

impl Execution {
    /// Handles a program that came by the queue: it is run, its result published, and only then acknowledged. Nobody
    /// has recorded it, so an event that is lost here would be lost for good.
    pub async fn requested(self, event: Event<ExecutionRequested>) -> Outcome {
        let ExecutionRequested { request_id, student_id, program: request } = event.data;
        let Some(request) = request.filter(|_| !request_id.is_empty() && !student_id.is_empty()) else {
            tracing::warn!(event_id = event.id, "event without a program, its request or its student dropped");
            return Outcome::Drop;
        };
        let program = match program(request) {
            Ok(program) => program,
            Err(status) => {
                tracing::warn!(event_id = event.id, reason = status.message(), "program that cannot run dropped");
                return Outcome::Drop;
            }
        };
        let student = Some(Arc::from(student_id.as_str()));
        let mut tries = 0;
        let result = loop {
            match self.run(program.clone(), student.clone(), PATIENCE).await {
                Ok(outcome) => break response(outcome),
                Err(status) if status.code() == Code::ResourceExhausted && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                Err(_) => return Outcome::Retry,
            }
        };
        self.record_run(student_id.clone(), &result);
        self.note_run(student_id.clone(), &result);
        let finished = ExecutionFinished { request_id, student_id, result: Some(result) };
        let publication =
            self.sidecar().publish(topics::ANSWERS, topics::LEARNING_RESPONSES, &finished.student_id, &finished);
        match publication.await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                tracing::warn!(%error, "result not published yet");
                Outcome::Retry
            }
        }
    }
}
