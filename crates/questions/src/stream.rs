use std::pin::Pin;

use futures::Stream;
use learnflow_proto::v1::{WatchQueryResponse, watch_query_response::Event};
use learnflow_requests::Outcome;
use learnflow_sidecar::Context;
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, interval_at},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::{
    Questions,
    hub::{Notice, Watch},
};

/// The longest a stream waits for its answer.
const LONGEST: Duration = Duration::from_mins(5);
/// How often the record is read meanwhile.
const LOOK: Duration = Duration::from_secs(1);
/// Events written and not yet read by the client.
const BACKLOG: usize = 16;

/// The events of one question.
pub type Events = Pin<Box<dyn Stream<Item = Result<WatchQueryResponse, Status>> + Send>>;

/// Where a stream stands: events sent, and among them how many bytes of Markdown, and which. A stream that is taken up
/// again knows from that what is missing, however it was cut before, and whether the answer is the one that it had begun
/// with: parts come from the model while it writes, and when it breaks off somebody else answers.
#[derive(Clone, Copy)]
pub(crate) struct Position {
    sequence: u32,
    offset: usize,
    /// A fingerprint of the Markdown that was sent.
    sent: u64,
}

impl Default for Position {
    fn default() -> Self {
        Self { sequence: 0, offset: 0, sent: fingerprint(FNV_OFFSET, "") }
    }
}

impl Position {
    fn parse(token: &str) -> Option<Self> {
        let mut fields = token.splitn(3, '-');
        let (sequence, offset) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(Self { sequence, offset, sent: u64::from_str_radix(fields.next()?, 16).ok()? })
    }

    fn event(&mut self, event: Event) -> WatchQueryResponse {
        self.sequence = self.sequence.saturating_add(1);
        if let Event::Part(text) = &event {
            self.offset = self.offset.saturating_add(text.len());
            self.sent = fingerprint(self.sent, text);
        }
        let resume_token = format!("{}-{}-{:x}", self.sequence, self.offset, self.sent);
        WatchQueryResponse { sequence: self.sequence, resume_token, event: Some(event) }
    }

    /// What is missing of an answer; nothing when other text was sent, which no more parts can make into this one.
    fn missing<'a>(&self, markdown: &'a str) -> &'a str {
        match markdown.split_at_checked(self.offset) {
            Some((begun, missing)) if fingerprint(FNV_OFFSET, begun) == self.sent => missing,
            _ => "",
        }
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, which is the same in every replica: what follows goes on from the fingerprint of what came before.
fn fingerprint(before: u64, text: &str) -> u64 {
    text.bytes().fold(before, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

impl Questions {
    /// Follows a student's question from the event that the token names, or from its beginning.
    ///
    /// # Errors
    /// `NOT_FOUND` when the student asked no such question, `INVALID_ARGUMENT` when the token is of no event.
    pub async fn follow(
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
        let watch = self.inner.hub.watch(&request_id);
        let record = self.look_up(&student_id, &request_id).await?.ok_or_else(not_found)?;
        Ok(self.events(Context::current(), position, watch, student_id, request_id, record.outcome))
    }

    /// The events behind a position, sent by a task of its own.
    pub(crate) fn events(
        &self,
        context: Context,
        position: Position,
        watch: Watch,
        student_id: String,
        request_id: String,
        outcome: Option<Outcome>,
    ) -> Events {
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let questions = self.clone();
        tokio::spawn(context.scope(async move {
            // An error here means that the client is gone.
            let _ = match outcome {
                Some(outcome) => finish(&sender, position, outcome).await,
                None => questions.send_events(&sender, position, watch, &student_id, &request_id).await,
            };
        }));
        Box::pin(ReceiverStream::new(receiver))
    }

    async fn send_events(
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
                () = self.inner.stopping.cancelled() => return Ok(()),
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

/// Sends what is missing of the answer, by paragraphs, and then the answer itself, which holds the whole.
async fn finish(
    sender: &mpsc::Sender<Result<WatchQueryResponse, Status>>,
    mut position: Position,
    outcome: Outcome,
) -> Result<(), Gone> {
    match outcome {
        Outcome::Answered(answer) => {
            for part in paragraphs(position.missing(&answer.markdown)) {
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

/// What is said of a question that is not there, or not the caller's.
pub fn not_found() -> Status {
    Status::not_found("there is no such question of yours; questions are kept for a day")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARKDOWN: &str =
        "# Lists\n\nA list keeps *things* in order.\n\n```python\nxs = [1]\n\n\nxs\n```\nDone — fertig.";

    /// The events that end a stream which stands at a position.
    async fn collect(position: Position) -> Vec<WatchQueryResponse> {
        let answer = learnflow_proto::v1::Answer { markdown: MARKDOWN.to_owned(), ..Default::default() };
        let (sender, mut receiver) = mpsc::channel(64);
        assert!(finish(&sender, position, Outcome::Answered(Box::new(answer))).await.is_ok());
        drop(sender);
        let mut events = Vec::new();
        while let Some(Ok(event)) = receiver.recv().await {
            events.push(event);
        }
        events
    }

    /// FR-039, streams resume: from any event on, the rest of the parts completes the Markdown.
    #[tokio::test]
    async fn a_stream_taken_up_again_completes_the_answer() {
        let markdown = MARKDOWN;
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
        for token in ["", "x", "1-2", "1-2-x", "1--3"] {
            assert!(Position::parse(token).is_none(), "{token}");
        }
    }

    /// FR-039: after parts of another text, as when the model breaks off and the built-in tutor answers, no part follows,
    /// neither in this stream nor when it is taken up again; the answer holds the whole.
    #[tokio::test]
    async fn an_answer_by_somebody_else_replaces_what_was_streamed() {
        for other in ["A list is", "# Lists\n\nA list keeps *many", "# Lists\n\nA list keeps *things* in order — ", "é"]
        {
            let mut position = Position::default();
            let (first, second) = other.split_at(1 + other.len() / 2);
            position.event(Event::Part(first.to_owned()));
            let token = position.event(Event::Part(second.to_owned())).resume_token;
            for position in [position, Position::parse(&token).unwrap()] {
                let events = collect(position).await;
                assert!(
                    matches!(&events[..], [event] if matches!(&event.event, Some(Event::Answer(answer)) if answer.markdown == MARKDOWN)),
                    "{events:?}"
                );
                assert_eq!(events[0].sequence, 3);
            }
        }
    }
}
