//! The way of a question seen by who asked it: it is recorded, published, waited for and followed while its answer is
//! written. The gateway and websocket-service are two doors to it.
//!
//! Answers are broadcast to every replica of both. The broadcast is not durable: who waits also reads the question's
//! record, and publishes a question again that shows no sign of life.
#![allow(clippy::result_large_err, reason = "tonic's own error type")]

mod ask;
mod hub;
mod stream;

use std::{future::Ready, sync::Arc, time::Duration};

use learnflow_proto::events::{AnswerPart, AnswerReady};
use learnflow_requests::Requests;
use learnflow_sidecar::{Event, Outcome, Sidecar};
use tokio_util::sync::CancellationToken;

pub use ask::Asked;
pub use stream::{Events, not_found};

/// Questions on their way. Cheap to clone.
#[derive(Clone)]
pub struct Questions {
    inner: Arc<Inner>,
}

struct Inner {
    sidecar: Sidecar,
    requests: Requests,
    hub: hub::Hub,
    channel: &'static str,
    republish_after: Duration,
    stopping: CancellationToken,
}

impl Questions {
    /// Publishes and records through the app's sidecar. A question that shows no sign of life for `republish_after` is
    /// published again; the window doubles with every attempt. Nobody waits any longer once `stopping` is cancelled.
    /// `channel` is where questions are asked, as in `Question.channel`.
    pub fn new(
        sidecar: Sidecar,
        channel: &'static str,
        republish_after: Duration,
        stopping: CancellationToken,
    ) -> Self {
        let requests = Requests::new(sidecar.clone());
        let hub = hub::Hub::default();
        Self { inner: Arc::new(Inner { sidecar, requests, hub, channel, republish_after, stopping }) }
    }

    /// Handles the event of a finished answer.
    pub fn answered(&self, event: Event<AnswerReady>) -> Ready<Outcome> {
        self.inner.hub.answered(event)
    }

    /// Handles the event of a part of an answer.
    pub fn part(&self, event: Event<AnswerPart>) -> Ready<Outcome> {
        self.inner.hub.part(event)
    }
}
