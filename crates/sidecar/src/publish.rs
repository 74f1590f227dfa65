use std::{collections::HashMap, time::Duration};

use dapr::dapr::proto::runtime::v1::{BulkPublishRequest, BulkPublishRequestEntry};
use tokio::sync::oneshot;

use crate::{Error, Result, Sidecar, client::Client, group::Group};

/// Most bytes of events in one call, unless a single event has more: a message of gRPC's may have 4 MB.
const MOST_BYTES: usize = 2 << 20;

/// Publishes to one topic, in order.
#[derive(Clone)]
pub(crate) struct Publisher {
    group: Group<Entry, Result<()>>,
    topic: &'static str,
}

struct Entry {
    key: String,
    event: Vec<u8>,
}

impl Publisher {
    /// `patience` is how long an event is held for others to share its call.
    pub(crate) fn start(sidecar: &Sidecar, pubsub: &'static str, topic: &'static str, patience: Duration) -> Self {
        let client = sidecar.client();
        let group = Group::start_patient(patience, move |entries| publish(client.clone(), pubsub, topic, entries));
        Self { group, topic }
    }

    pub(crate) async fn enqueue(&self, key: String, event: Vec<u8>) -> Result<Publication> {
        let operation = || format!("publish to {}", self.topic);
        let result = self.group.enter(Entry { key, event }).await.ok_or_else(|| Error::shutting_down(operation()))?;
        Ok(Publication { result, topic: self.topic })
    }
}

/// An event on its way: it has its place among the topic's events, and reaches the broker whether this is awaited or
/// not.
pub struct Publication {
    result: oneshot::Receiver<Result<()>>,
    topic: &'static str,
}

impl Publication {
    /// Waits until the broker has the event.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the broker cannot be reached, [`Error::Refused`] when scopes forbid the topic.
    pub async fn done(self) -> Result<()> {
        self.result.await.unwrap_or_else(|_| Err(Error::shutting_down(format!("publish to {}", self.topic))))
    }
}

async fn publish(client: Client, pubsub: &'static str, topic: &'static str, entries: Vec<Entry>) -> Vec<Result<()>> {
    let mut results = Vec::with_capacity(entries.len());
    for part in parts(entries) {
        results.extend(publish_part(client.clone(), pubsub, topic, part).await);
    }
    results
}

/// Entries in the same order, in as few parts as their sizes allow.
fn parts(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let (mut parts, mut bytes) = (Vec::<Vec<Entry>>::new(), 0);
    for entry in entries {
        let size = entry.event.len();
        match parts.last_mut() {
            Some(part) if bytes + size <= MOST_BYTES => {
                bytes += size;
                part.push(entry);
            }
            _ => {
                bytes = size;
                parts.push(vec![entry]);
            }
        }
    }
    parts
}

async fn publish_part(
    mut client: Client,
    pubsub: &'static str,
    topic: &'static str,
    entries: Vec<Entry>,
) -> Vec<Result<()>> {
    let count = entries.len();
    let entries = entries
        .into_iter()
        .enumerate()
        .map(|(index, Entry { key, event })| BulkPublishRequestEntry {
            entry_id: index.to_string(),
            event,
            content_type: "application/cloudevents+json".to_owned(),
            // The key belongs on the entry: on the request, Dapr would ignore it.
            metadata: HashMap::from([("partitionKey".to_owned(), key)]),
        })
        .collect();
    let request = BulkPublishRequest {
        pubsub_name: pubsub.to_owned(),
        topic: topic.to_owned(),
        entries,
        // The envelope is complete: Dapr need not take it apart and write it anew.
        metadata: HashMap::from([("rawPayload".to_owned(), "true".to_owned())]),
    };
    metrics::histogram!("sidecar_publish_batch_size", "topic" => topic).record(precise(count));
    let operation = format!("publish to {topic}");
    let mut results = vec![Ok(()); count];
    match client.bulk_publish_event(request).await {
        Ok(response) => {
            for entry in response.into_inner().failed_entries {
                let index: Option<usize> = entry.entry_id.parse().ok();
                if let Some(result) = index.and_then(|index| results.get_mut(index)) {
                    *result = Err(Error::Unavailable { operation: operation.clone(), reason: entry.error });
                }
            }
        }
        Err(status) => {
            let error = Error::from_status(&operation, &status);
            tracing::warn!(topic, events = count, %error, "publish failed");
            results.fill(Err(error));
        }
    }
    results
}

fn precise(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Bad input: large events are published beside each other, in order, in calls that a sidecar takes.
        #[test]
        fn no_call_is_too_large(sizes in prop::collection::vec(0_usize..MOST_BYTES, 0..20)) {
            let entries = sizes.iter().map(|size| Entry { key: size.to_string(), event: vec![0; *size] }).collect();
            let parts = parts(entries);
            let bytes = |part: &[Entry]| part.iter().map(|entry| entry.event.len()).sum::<usize>();
            prop_assert!(parts.iter().all(|part| !part.is_empty() && bytes(part) <= MOST_BYTES));
            prop_assert!(parts.windows(2).all(|pair| bytes(&pair[0]) + pair[1][0].event.len() > MOST_BYTES));
            let kept: Vec<String> = parts.into_iter().flatten().map(|entry| entry.key).collect();
            prop_assert_eq!(kept, sizes.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }
}
