use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use learnflow_proto::events::{AnswerPart, AnswerReady, answer_ready};
use learnflow_requests::Outcome as Ending;
use learnflow_sidecar::{Event, Outcome};
use tokio::sync::mpsc;

/// Notices waiting for one slow watcher; beyond that it reads the answer from the record.
const BACKLOG: usize = 256;

/// What a watcher is told.
#[derive(Clone)]
pub(crate) enum Notice {
    /// A part of the answer.
    Part(AnswerPart),
    /// The end: nothing follows.
    End(Ending),
}

/// Those who wait for one question, each with its number.
type Line = Vec<(u64, mpsc::Sender<Notice>)>;

/// Brings the answers, which every replica sees, to those on this replica who wait for them.
#[derive(Clone, Default)]
pub(crate) struct Hub {
    watchers: Arc<Mutex<HashMap<String, Line>>>,
}

/// Somebody waits for the notices of one question, until this is dropped.
pub(crate) struct Watch {
    hub: Hub,
    request_id: String,
    id: u64,
    notices: mpsc::Receiver<Notice>,
}

impl Hub {
    /// Begins to wait: call it before the question can be answered.
    pub(crate) fn watch(&self, request_id: &str) -> Watch {
        let (sender, notices) = mpsc::channel(BACKLOG);
        let mut watchers = self.lock();
        let line = watchers.entry(request_id.to_owned()).or_default();
        let id = line.last().map_or(0, |(id, _)| id + 1);
        line.push((id, sender));
        Watch { hub: self.clone(), request_id: request_id.to_owned(), id, notices }
    }

    /// Handles the event of a finished answer.
    pub(crate) fn answered(&self, event: Event<AnswerReady>) -> std::future::Ready<Outcome> {
        let AnswerReady { request_id, outcome, .. } = event.data;
        if let Some(outcome) = outcome {
            let ending = match outcome {
                answer_ready::Outcome::Answer(answer) => Ending::Answered(Box::new(answer)),
                answer_ready::Outcome::Problem(problem) => Ending::Failed(problem),
            };
            self.tell(&request_id, &Notice::End(ending));
        }
        std::future::ready(Outcome::Done)
    }

    /// Handles the event of a part of an answer.
    pub(crate) fn part(&self, event: Event<AnswerPart>) -> std::future::Ready<Outcome> {
        let request_id = event.data.request_id.clone();
        self.tell(&request_id, &Notice::Part(event.data));
        std::future::ready(Outcome::Done)
    }

    fn tell(&self, request_id: &str, notice: &Notice) {
        for (_, watcher) in self.lock().get(request_id).into_iter().flatten() {
            // A watcher whose backlog is full finds the whole answer in the record.
            let _ = watcher.try_send(notice.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Line>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// The next notice.
    pub(crate) async fn next(&mut self) -> Notice {
        match self.notices.recv().await {
            Some(notice) => notice,
            // The hub holds the sender for as long as this watch lives.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = self.hub.lock();
        if let Some(line) = watchers.get_mut(&self.request_id) {
            line.retain(|(id, _)| *id != self.id);
            if line.is_empty() {
                watchers.remove(&self.request_id);
            }
        }
    }
}
