//! The topics of `dev/kafka/topics.yaml`.

use std::fmt::Write;
use std::path::Path;

use serde::Deserialize;

use crate::Error;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// The file: what to create, for whom.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Topics {
    pub(crate) replication: u16,
    dead_letter_retention_days: u64,
    #[serde(rename = "topics")]
    all: Vec<Topic>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    name: String,
    partitions: u32,
    retention_days: u64,
    #[serde(default)]
    consumers: Vec<String>,
    #[serde(default, rename = "broadcast")]
    _broadcast: Vec<String>,
}

impl Topics {
    pub(crate) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join("dev/kafka/topics.yaml");
        let text = std::fs::read_to_string(&path).map_err(Error::reading(&path))?;
        serde_saphyr::from_str(&text).map_err(|error| Error::file(&path, error))
    }

    /// One line a topic, dead letters included: name, partitions, retention in milliseconds.
    pub(crate) fn list(&self) -> String {
        let mut list = String::new();
        for Topic { name, partitions, retention_days, consumers, .. } in &self.all {
            let _ = writeln!(list, "{name} {partitions} {}", retention_days * DAY_MS);
            for consumer in consumers {
                let retention = self.dead_letter_retention_days * DAY_MS;
                let _ = writeln!(list, "{consumer}.{name}.dead {partitions} {retention}");
            }
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_durable_consumer_has_a_dead_letter_topic_as_wide_as_its_source() {
        let list = Topics::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))).unwrap().list();
        assert_eq!(list.lines().count(), 11 + 10);
        for line in ["learning.requests 8 604800000", "progress-service.learning.events.dead 12 2592000000"] {
            assert!(list.lines().any(|found| found == line), "{line} is missing:\n{list}");
        }
        assert!(!list.contains("learning.responses.dead"));
    }
}
