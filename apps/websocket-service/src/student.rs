use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use learnflow_sidecar::persistently;

use crate::{
    message::Message,
    stream::{Store, Stream},
};

/// A minute, as far as rates are concerned.
const MINUTE: Duration = Duration::from_mins(1);

/// A student with sockets, or questions under way, on this replica.
pub struct Student<S> {
    pub id: String,
    pub stream: tokio::sync::Mutex<Stream<S>>,
    /// Questions whose answers this replica brings into the stream.
    followed: Mutex<HashSet<String>>,
    asks: Mutex<VecDeque<Instant>>,
    /// Somebody is about to look for what other replicas have appended.
    looking: AtomicBool,
}

impl<S: Store> Student<S> {
    pub fn new(store: S, id: &str) -> Self {
        Self {
            id: id.to_owned(),
            stream: tokio::sync::Mutex::new(Stream::new(store, id.to_owned())),
            followed: Mutex::default(),
            asks: Mutex::default(),
            looking: AtomicBool::new(false),
        }
    }

    /// Appends to the stream, patiently: what follows from an event comes only once. What cannot be appended is found
    /// again by the next socket that resumes.
    pub async fn tell(&self, message: Message) {
        let append = || async { self.stream.lock().await.append(message.clone()).await };
        if let Err(error) = persistently(append).await {
            tracing::warn!(%error, kind = message.kind(), "a message could not be kept, and is not sent");
            metrics::counter!("websocket_dropped_total", "reason" => "store").increment(1);
        }
    }

    /// Whether the answer of a question is this caller's to bring: not when it is followed here already.
    pub fn follow(&self, request_id: &str) -> bool {
        lock(&self.followed).insert(request_id.to_owned())
    }

    pub fn unfollow(&self, request_id: &str) {
        lock(&self.followed).remove(request_id);
    }

    pub fn follows(&self, request_id: &str) -> bool {
        lock(&self.followed).contains(request_id)
    }

    /// Counts a question; false when the last minute had too many.
    pub fn may_ask(&self, most: usize) -> bool {
        let mut asks = lock(&self.asks);
        while asks.front().is_some_and(|asked| asked.elapsed() > MINUTE) {
            asks.pop_front();
        }
        if asks.len() >= most {
            return false;
        }
        asks.push_back(Instant::now());
        true
    }

    /// Whether the caller is to look for what other replicas append; somebody else is about to otherwise.
    pub fn begin_to_look(&self) -> bool {
        !self.looking.swap(true, Ordering::AcqRel)
    }

    pub fn look_done(&self) {
        self.looking.store(false, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
