use std::collections::HashMap;

use dapr::dapr::proto::runtime::v1::{BulkPublishRequest, BulkPublishRequestEntry};
use tokio::sync::{mpsc, oneshot};

use crate::{Error, Result, Sidecar};

/// Events waiting behind the call in flight; more callers wait for room.
const QUEUE: usize = 4_096;
/// Most events of one bulk call: well under Kafka's request size at LearnFlow's event sizes.
const BATCH: usize = 128;

/// Publishes to one topic, one bulk call at a time: while a call is in flight the next batch gathers.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: mpsc::Sender<Pending>,
    operation: String,
}

struct Pending {
    key: String,
    event: Vec<u8>,
    done: oneshot::Sender<Result<()>>,
}

impl Publisher {
    pub(crate) fn start(sidecar: &Sidecar, pubsub: &'static str, topic: &'static str) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(sidecar.clone(), pubsub, topic, waiting));
        Self { queue, operation: format!("publish to {topic}") }
    }

    pub(crate) async fn publish(&self, key: String, event: Vec<u8>) -> Result<()> {
        let gone = || Error::Unavailable { operation: self.operation.clone(), reason: "shutting down".to_owned() };
        let (done, result) = oneshot::channel();
        self.queue.send(Pending { key, event, done }).await.map_err(|_| gone())?;
        result.await.map_err(|_| gone())?
    }
}

async fn run(sidecar: Sidecar, pubsub: &'static str, topic: &'static str, mut waiting: mpsc::Receiver<Pending>) {
    let mut client = sidecar.client();
    let operation = format!("publish to {topic}");
    let mut batch = Vec::with_capacity(BATCH);
    while waiting.recv_many(&mut batch, BATCH).await > 0 {
        let mut callers = Vec::with_capacity(batch.len());
        let entries = batch
            .drain(..)
            .enumerate()
            .map(|(index, pending)| {
                callers.push(pending.done);
                BulkPublishRequestEntry {
                    entry_id: index.to_string(),
                    event: pending.event,
                    content_type: "application/cloudevents+json".to_owned(),
                    // The key belongs on the entry: on the request, Dapr would ignore it.
                    metadata: HashMap::from([("partitionKey".to_owned(), pending.key)]),
                }
            })
            .collect();
        let request = BulkPublishRequest {
            pubsub_name: pubsub.to_owned(),
            topic: topic.to_owned(),
            entries,
            ..Default::default()
        };
        metrics::histogram!("sidecar_publish_batch_size", "topic" => topic).record(precise(callers.len()));
        match client.bulk_publish_event(request).await {
            Ok(response) => {
                let failed: HashMap<String, String> = response
                    .into_inner()
                    .failed_entries
                    .into_iter()
                    .map(|entry| (entry.entry_id, entry.error))
                    .collect();
                for (index, caller) in callers.into_iter().enumerate() {
                    let result = match failed.get(&index.to_string()) {
                        None => Ok(()),
                        Some(reason) => {
                            Err(Error::Unavailable { operation: operation.clone(), reason: reason.clone() })
                        }
                    };
                    // A caller that is gone has given up on its deadline.
                    let _ = caller.send(result);
                }
            }
            Err(status) => {
                let error = Error::from_status(&operation, &status);
                tracing::warn!(topic, events = callers.len(), %error, "publish failed");
                for caller in callers {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}

fn precise(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
