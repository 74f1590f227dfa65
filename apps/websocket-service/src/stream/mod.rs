//! A student's stream: all that is sent to their sockets, numbered. It is kept in Dapr state, one key per message, for a
//! day; a replica appends by writing the next key *if it is not there yet*. So the replicas agree on every number without
//! speaking to each other: of two that append at once one finds the number taken, reads what the other wrote, sends that to
//! its own sockets and tries the next. A client that has everything up to a number can go on behind it at any replica.
//!
//! What several replicas append, each having seen the same event, is recognised by what it is and kept once.

mod store;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use learnflow_sidecar::Result;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Utf8Bytes;
use tokio_util::sync::CancellationToken;

pub use store::{DaprStore, Entry, Store, Written};

use crate::message::Message;

/// Messages waiting for one slow socket, and their bytes; beyond that it is closed, and its client goes on elsewhere.
const BACKLOG: usize = 256;
const BACKLOG_BYTES: usize = 1024 * 1024;
/// Sockets of one student on one replica; a further one ends the oldest.
pub const MOST_SOCKETS: usize = 5;
/// How far back a replica looks that gets a student's first socket: an answer under way is within.
const LOOK_BACK: u64 = 64;
/// No stream gets this far; numbers stay exact in JavaScript.
const MOST_NUMBER: u64 = 1 << 50;
/// Most messages sent again; a client that missed more reads the history.
const MOST_REPLAYED: u64 = 500;
/// Messages read at a time: they may travel together, in a message of gRPC's of at most 4 MB.
const READ_TOGETHER: usize = 16;
/// Of so many notifications and questions it is remembered that they were sent.
const REMEMBERED: usize = 512;

/// A number and the text of its message.
pub type Frame = (u64, Utf8Bytes);

/// A socket as the stream sees it.
pub struct Outlet {
    id: u64,
    queue: mpsc::Sender<Frame>,
    /// Bytes waiting in the queue.
    waiting: Arc<AtomicUsize>,
    end: Ending,
}

impl Outlet {
    /// Whether the socket goes on; one that is too far behind is ended.
    fn send(&self, frame: Frame) -> bool {
        let before = self.waiting.fetch_add(frame.1.len(), Ordering::Relaxed);
        if before < BACKLOG_BYTES {
            match self.queue.try_send(frame) {
                Ok(()) => return true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
                Err(mpsc::error::TrySendError::Full(_)) => {}
            }
        }
        self.end.slow.cancel();
        false
    }
}

/// What waits for a socket.
pub struct Queue {
    frames: mpsc::Receiver<Frame>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// The next message; `None` once the stream has ended the socket.
    pub async fn recv(&mut self) -> Option<Frame> {
        let frame = self.frames.recv().await?;
        self.waiting.fetch_sub(frame.1.len(), Ordering::Relaxed);
        Some(frame)
    }
}

/// How a stream ends a socket.
#[derive(Clone, Default)]
pub struct Ending {
    /// The client does not read.
    pub slow: CancellationToken,
    /// The student has opened too many.
    pub replaced: CancellationToken,
}

/// What a socket gets when it joins.
pub struct Joined {
    /// To be sent first.
    pub missed: Vec<Frame>,
    /// Whether that is all that the client had missed.
    pub complete: bool,
    /// The last number before what comes by the queue.
    pub sequence: u64,
    /// What comes from now on.
    pub queue: Queue,
}

/// A question under way.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// The client's name for it.
    pub id: String,
    /// Bytes of Markdown sent.
    pub end: usize,
    /// By which the rest can be followed.
    pub token: Option<String>,
}

/// One student's stream on this replica.
pub struct Stream<S> {
    store: S,
    student: String,
    /// The number of the next message; 0 before the stream was read.
    next: u64,
    outlets: Vec<Outlet>,
    open: BTreeMap<String, Open>,
    answered: VecDeque<String>,
    notified: VecDeque<String>,
    progress: i64,
    next_outlet: u64,
}

impl<S: Store> Stream<S> {
    /// Nothing is read yet.
    pub fn new(store: S, student: String) -> Self {
        Self {
            store,
            student,
            next: 0,
            outlets: Vec::new(),
            open: BTreeMap::new(),
            answered: VecDeque::new(),
            notified: VecDeque::new(),
            progress: 0,
            next_outlet: 0,
        }
    }

    /// The number of the last message.
    pub fn sequence(&self) -> u64 {
        self.next.saturating_sub(1)
    }

    /// Questions without an answer yet.
    pub fn open(&self) -> &BTreeMap<String, Open> {
        &self.open
    }

    /// Appends a message and sends it to the sockets, unless it is there already; what others have appended meanwhile goes
    /// before it.
    ///
    /// # Errors
    /// The store's; the message may then have been appended or not, and may be appended again.
    pub async fn append(&mut self, message: Message) -> Result<()> {
        self.load().await?;
        if matches!(message, Message::Answer { .. } | Message::Error { .. }) {
            // The question may have been asked again elsewhere: then its answer counts as not sent yet.
            self.catch_up().await?;
        }
        let mut message = message;
        loop {
            let Some(fitting) = self.fitting(message) else { return Ok(()) };
            message = fitting;
            let entry = Entry { at: now_ms(), message: message.clone() };
            match self.store.write(&self.student, self.next, &entry).await? {
                Written::New => {
                    self.note(&entry.message);
                    // Pieces come close together; whoever looks for the end goes on behind what is noted.
                    if !matches!(entry.message, Message::Part { .. }) {
                        self.note_last();
                    }
                    return Ok(());
                }
                Written::Taken(other) => self.note(&other.message),
            }
        }
    }

    /// Sends what other replicas have appended.
    ///
    /// # Errors
    /// The store's.
    pub async fn catch_up(&mut self) -> Result<()> {
        self.load().await?;
        while let Some(entry) = self.store.read(&self.student, self.next).await? {
            self.note(&entry.message);
        }
        Ok(())
    }

    /// When a message was appended: milliseconds since 1970.
    ///
    /// # Errors
    /// The store's.
    pub async fn time_of(&self, sequence: u64) -> Result<Option<i64>> {
        Ok(self.store.read(&self.student, sequence).await?.map(|entry| entry.at))
    }

    /// Adds a socket, which gets everything behind `after`.
    ///
    /// # Errors
    /// The store's.
    pub async fn join(&mut self, after: u64, end: Ending) -> Result<(u64, Joined)> {
        self.catch_up().await?;
        if self.next == 1 && after > 0 {
            // The stream was kept no longer. It begins anew, but its numbers must not come a second time.
            self.store.note_last(&self.student, after.min(MOST_NUMBER)).await?;
            self.load().await?;
        }
        let (missed, complete) = self.missed(after).await?;
        if self.outlets.len() >= MOST_SOCKETS {
            self.outlets.remove(0).end.replaced.cancel();
        }
        let (queue, frames) = mpsc::channel(BACKLOG);
        let waiting = Arc::<AtomicUsize>::default();
        self.next_outlet += 1;
        self.outlets.push(Outlet { id: self.next_outlet, queue, waiting: waiting.clone(), end });
        let queue = Queue { frames, waiting };
        Ok((self.next_outlet, Joined { missed, complete, sequence: self.sequence(), queue }))
    }

    /// Removes a socket.
    pub fn leave(&mut self, outlet: u64) {
        self.outlets.retain(|other| other.id != outlet);
    }

    /// A question is asked again: its answer counts as not sent yet.
    pub fn reopen(&mut self, request_id: &str) {
        self.answered.retain(|answered| answered != request_id);
    }

    async fn missed(&self, after: u64) -> Result<(Vec<Frame>, bool)> {
        if after >= self.next {
            // Nobody has sent it that: it is told of nothing that it may have.
            return Ok((Vec::new(), false));
        }
        let first = (after + 1).max(self.next.saturating_sub(MOST_REPLAYED));
        let mut missed = Vec::new();
        let mut complete = first == after + 1;
        for (sequence, entry) in self.range(first, self.next).await? {
            match entry {
                Some(entry) => missed.push((sequence, entry.message.frame(sequence))),
                None => complete = false,
            }
        }
        Ok((missed, complete))
    }

    async fn range(&self, first: u64, end: u64) -> Result<Vec<(u64, Option<Entry>)>> {
        let read = |sequence| async move { Ok((sequence, self.store.read(&self.student, sequence).await?)) };
        stream::iter(first..end).map(read).buffered(READ_TOGETHER).try_collect().await
    }

    fn note_last(&self) {
        let (store, student, sequence) = (self.store.clone(), self.student.clone(), self.sequence());
        tokio::spawn(async move {
            if let Err(error) = store.note_last(&student, sequence).await {
                tracing::debug!(%error, "the end of a stream was not noted");
            }
        });
    }

    /// Finds the end of the stream, and what is under way.
    async fn load(&mut self) -> Result<()> {
        match self.next {
            0 => {
                let mut next = self.store.last(&self.student).await? + 1;
                // What is noted may lag behind by what its replica did not get to note.
                while self.store.read(&self.student, next).await?.is_some() {
                    next += 1;
                }
                let recent = self.range(next.saturating_sub(LOOK_BACK).max(1), next).await?;
                for (_, entry) in recent {
                    if let Some(entry) = entry {
                        self.remember(&entry.message);
                    }
                }
                self.next = next;
            }
            // A stream without a message may have been begun elsewhere, at a higher number.
            1 if self.store.read(&self.student, 1).await?.is_none() => {
                let mut next = self.store.last(&self.student).await? + 1;
                while next > 1 && self.store.read(&self.student, next - 1).await?.is_some() {
                    next -= 1;
                }
                self.next = next;
            }
            _ => {}
        }
        Ok(())
    }

    /// The message as far as it is not in the stream yet.
    fn fitting(&self, message: Message) -> Option<Message> {
        match &message {
            Message::Asked { request_id, .. } => (!self.open.contains_key(request_id)).then_some(message),
            Message::Answer { request_id, .. } | Message::Error { request_id, .. } => {
                (!self.answered.contains(request_id)).then_some(message)
            }
            Message::Part { request_id, text, end, .. } => {
                let have = self.open.get(request_id)?.end;
                let begin = end.checked_sub(text.len())?;
                // Behind a gap there is no place for it: the answer holds the whole.
                let rest = (begin..*end).contains(&have).then(|| text.get(have - begin..))??.to_owned();
                let Message::Part { id, request_id, end, token, .. } = message else { return None };
                Some(Message::Part { id, request_id, text: rest, end, token })
            }
            Message::Notification { notification } => (!self.notified.contains(&notification.id)).then_some(message),
            Message::Progress { version, .. } => (*version > self.progress).then_some(message),
        }
    }

    /// The next message of the stream is this: sends it to the sockets.
    fn note(&mut self, message: &Message) {
        self.remember(message);
        let frame = message.frame(self.next);
        metrics::counter!("websocket_messages_total", "type" => message.kind()).increment(1);
        self.outlets.retain(|outlet| outlet.send((self.next, frame.clone())));
        self.next += 1;
    }

    fn remember(&mut self, message: &Message) {
        match message {
            Message::Asked { id, request_id } => {
                self.reopen(request_id);
                self.open.insert(request_id.clone(), Open { id: id.clone(), end: 0, token: None });
            }
            Message::Part { id, request_id, end, token, .. } => {
                let open = Open { id: id.clone(), end: *end, token: Some(token.clone()) };
                self.open.insert(request_id.clone(), open);
            }
            Message::Answer { request_id, .. } | Message::Error { request_id, .. } => {
                self.open.remove(request_id);
                push(&mut self.answered, request_id);
            }
            Message::Notification { notification } => push(&mut self.notified, &notification.id),
            Message::Progress { version, .. } => self.progress = *version,
        }
    }
}

fn push(remembered: &mut VecDeque<String>, id: &str) {
    if remembered.len() >= REMEMBERED {
        remembered.pop_front();
    }
    remembered.push_back(id.to_owned());
}

fn now_ms() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}
