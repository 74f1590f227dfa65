use std::pin::Pin;

use futures::Stream;
use learnflow_proto::v1::{WatchQueryResponse, watch_query_response::Event};
use learnflow_requests::Outcome;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, interval_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{
    hub::{Notice, Watch},
    service::not_found,
};
use crate::gateway::Gateway;

/// The longest a stream waits for its answer.
const LONGEST: Duration = Duration::from_mins(5);
/// How often the record is read meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// Events written and not yet read by the client.
const BACKLOG: usize = 16;

/// The events of one question.
pub type Events = Pin<Box<dyn Stream<Item = Result<WatchQueryResponse, Status>> + Send>>;

/// Where a stream stands: events sent, and bytes of the answer's Markdown among them. The parts of an answer joined are
/// its Markdown, so a stream that is taken up again knows from the offset what is missing, however it was cut before.
#[derive(Clone, Copy, Default)]
struct Position {
    sequence: u32,
    offset: usize,
}

impl Position {
    fn parse(token: &str) -> Option<Self> {
        let (sequence, offset) = token.split_once('-')?;
        Some(Self { sequence: sequence.parse().ok()?, offset: offset.parse().ok()? })
    }

    fn event(&mut self, event: Event) -> WatchQueryResponse {
        self.sequence = self.sequence.saturating_add(1);
        if let Event::Part(text) = &event {
            self.offset = self.offset.saturating_add(text.len());
        }
        let resume_token = format!("{}-{}", self.sequence, self.offset);
        WatchQueryResponse { sequence: self.sequence, resume_token, event: Some(event) }
    }
}

impl Gateway {
    pub(super) async fn events(
        &self,
        student_id: String,
        request_id: String,
        resume_token: Option<&str>,
    ) -> Result<Events, Status> {
        let position = match resume_token {
            None => Position::default(),
            Some(token) => Position::parse(token)
                .ok_or_else(|| Status::invalid_argument("resume_token: is not the id of an event of this stream"))?,
        };
        // Watch first: an answer that comes between the two is seen by the one or the other.
        let watch = self.hub().watch(&request_id);
        let record = self.look_up(&student_id, &request_id).await?.ok_or_else(not_found)?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let gateway = self.clone();
        tokio::spawn(async move {
            // An error here means that the client is gone.
            let _ = match record.outcome {
                Some(outcome) => finish(&sender, position, outcome).await,
                None => gateway.follow(&sender, position, watch, &student_id, &request_id).await,
            };
        });
        Ok(Box::pin(ReceiverStream::new(receiver)))
    }

    async fn follow(
        &self,
        sender: &mpsc::Sender<Result<WatchQueryResponse, Status>>,
        mut position: Position,
        mut watch: Watch,
        student_id: &str,
        request_id: &str,
    ) -> Result<(), Gone> {
        let deadline = Instant::now() + LONGEST;
        let mut look = interval_at(Instant::now() + LOOK, LOOK);
        // A stream taken up in the middle cannot place further parts; it gets the rest with the answer.
        let mut in_step = position.offset == 0;
        let mut next_part = 1;
        loop {
            let outcome = tokio::select! {
                notice = watch.next() => match notice {
                    Notice::Part(part) => {
                        in_step &= part.sequence == next_part;
                        next_part = part.sequence.saturating_add(1);
                        if in_step {
                            send(sender, position.event(Event::Part(part.text))).await?;
                        }
                        continue;
                    }
                    Notice::End(outcome) => Some(outcome),
                },
                _ = look.tick() => match self.look_up(student_id, request_id).await {
                    Ok(record) => record.and_then(|record| record.outcome),
                    Err(_) => None,
                },
                () = sender.closed() => return Err(Gone),
                () = self.stopping().cancelled() => return Ok(()),
            };
            if let Some(outcome) = outcome {
                return finish(sender, position, outcome).await;
            }
            if Instant::now() > deadline {
                return Ok(());
            }
        }
    }
}

/// The client is gone.
struct Gone;

async fn send(
    sender: &mpsc::Sender<Result<WatchQueryResponse, Status>>,
    event: WatchQueryResponse,
) -> Result<(), Gone> {
    sender.send(Ok(event)).await.map_err(|_| Gone)
}

/// Sends what is missing of the answer, by paragraphs, and then the answer itself.
async fn finish(
    sender: &mpsc::Sender<Result<WatchQueryResponse, Status>>,
    mut position: Position,
    outcome: Outcome,
) -> Result<(), Gone> {
    match outcome {
        Outcome::Answered(answer) => {
            for part in paragraphs(answer.markdown.get(position.offset..).unwrap_or_default()) {
                send(sender, position.event(Event::Part(part.to_owned()))).await?;
            }
            send(sender, position.event(Event::Answer(*answer))).await
        }
        Outcome::Failed(problem) => send(sender, position.event(Event::Problem(problem))).await,
    }
}

/// Cuts after every blank line; the pieces joined are the whole.
fn paragraphs(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split_inclusive("\n\n").filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-039, streams resume: from any event on, the rest of the parts completes the Markdown.
    #[tokio::test]
    async fn a_stream_taken_up_again_completes_the_answer() {
        let markdown = "# Lists\n\nA list keeps *things* in order.\n\n```python\nxs = [1]\n\n\nxs\n```\nDone — fertig.";
        let answer = learnflow_proto::v1::Answer { markdown: markdown.to_owned(), ..Default::default() };
        let outcome = Outcome::Answered(Box::new(answer));
        let collect = async |position| {
            let (sender, mut receiver) = mpsc::channel(64);
            assert!(finish(&sender, position, outcome.clone()).await.is_ok());
            drop(sender);
            let mut events = Vec::new();
            while let Some(Ok(event)) = receiver.recv().await {
                events.push(event);
            }
            events
        };
        let text = |events: &[WatchQueryResponse]| -> String {
            let part = |event: &WatchQueryResponse| match &event.event {
                Some(Event::Part(text)) => text.clone(),
                _ => String::new(),
            };
            events.iter().map(part).collect()
        };
        let all = collect(Position::default()).await;
        assert_eq!(text(&all), markdown);
        assert!(all.len() > 4 && matches!(all.last().unwrap().event, Some(Event::Answer(_))));
        for cut in 0..all.len() - 1 {
            let rest = collect(Position::parse(&all[cut].resume_token).unwrap()).await;
            assert_eq!(text(&all[..=cut]) + &text(&rest), markdown);
            assert_eq!(rest[0].sequence, all[cut].sequence + 1);
        }
    }
}
