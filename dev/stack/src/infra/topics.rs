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
    /// Consumers of which every replica reads everything, through the component `answers`.
    #[serde(default)]
    #[cfg_attr(not(test), expect(dead_code, reason = "needs no dead letters; tests compare it with the components"))]
    broadcast: Vec<String>,
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
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

    fn topics() -> Topics {
        Topics::read(Path::new(ROOT)).unwrap()
    }

    #[test]
    fn every_durable_consumer_has_a_dead_letter_topic_as_wide_as_its_source() {
        let list = topics().list();
        assert_eq!(list.lines().count(), 12 + 11);
        for line in ["learning.requests 8 604800000", "progress-service.learning.events.dead 12 2592000000"] {
            assert!(list.lines().any(|found| found == line), "{line} is missing:\n{list}");
        }
        assert!(!list.contains("learning.responses.dead"));
    }

    /// A missing scope would let an app use every topic, a missing dead-letter right would block a partition.
    #[test]
    fn components_and_subscriptions_agree_with_the_topics() {
        let topics = topics();
        let (pubsub, answers) = (Scopes::of("pubsub"), Scopes::of("answers"));
        let list = topics.list();
        let names = list.lines().filter_map(|line| line.split(' ').next());
        let (broadcast, durable): (BTreeSet<_>, BTreeSet<_>) =
            names.partition(|name| topics.all.iter().any(|topic| topic.name == *name && !topic.broadcast.is_empty()));
        for (scopes, names) in [(&pubsub, durable), (&answers, broadcast)] {
            assert_eq!(scopes.allowed.iter().map(String::as_str).collect::<BTreeSet<_>>(), names);
            assert!(scopes.publishing.keys().eq(&scopes.apps) && scopes.subscription.keys().eq(&scopes.apps));
            assert!(scopes.publishing.values().flatten().all(|topic| scopes.allowed.contains(topic)));
        }
        for Topic { name, consumers, broadcast, .. } in &topics.all {
            for (scopes, consumers) in [(&pubsub, consumers), (&answers, broadcast)] {
                let readers = scopes.subscription.iter().filter(|(_, topics)| topics.contains(name));
                assert_eq!(readers.map(|(app, _)| app).collect::<BTreeSet<_>>(), consumers.iter().collect(), "{name}");
            }
            for consumer in consumers {
                let dead = format!("{consumer}.{name}.dead");
                assert!(pubsub.publishing[consumer].contains(&dead), "{consumer} may not publish {dead}");
            }
        }
        for subscribed in documents("subscriptions") {
            let (spec, app) = (&subscribed["spec"], subscribed["scopes"][0].as_str().unwrap());
            let topic = spec["topic"].as_str().unwrap();
            let routes = &spec["routes"];
            let path = if routes["default"].is_null() { &routes["rules"][0]["path"] } else { &routes["default"] };
            assert_eq!(*path, format!("/events/{topic}"));
            if spec["pubsubname"] == "answers" {
                assert!(answers.subscription[app].contains(topic), "{app} may not read {topic}");
            } else {
                assert!(pubsub.subscription[app].contains(topic), "{app} may not read {topic}");
                assert_eq!(spec["deadLetterTopic"], format!("{app}.{topic}.dead"));
                // What no rule matches would be a dead letter.
                assert!(!routes["default"].is_null(), "{app} does not read all of {topic}");
            }
        }
    }

    /// What a pub/sub component says about who may do what.
    struct Scopes {
        apps: BTreeSet<String>,
        allowed: BTreeSet<String>,
        publishing: BTreeMap<String, BTreeSet<String>>,
        subscription: BTreeMap<String, BTreeSet<String>>,
    }

    impl Scopes {
        fn of(component: &str) -> Self {
            let component = &documents(component)[0];
            let field = |name: &str| {
                let fields = component["spec"]["metadata"].as_array().unwrap();
                let field = fields.iter().find(|field| field["name"] == name).unwrap();
                field["value"].as_str().unwrap().replace(' ', "")
            };
            let set = |list: &str| -> BTreeSet<String> {
                list.split(',').filter(|topic| !topic.is_empty()).map(Into::into).collect()
            };
            let by_app = |name: &str| {
                let text = field(name);
                let entries = text.split(';').map(|entry| entry.split_once('=').unwrap());
                entries.map(|(app, list)| (app.to_owned(), set(list))).collect()
            };
            Self {
                apps: component["scopes"].as_array().unwrap().iter().map(|app| app.as_str().unwrap().into()).collect(),
                allowed: set(&field("allowedTopics")),
                publishing: by_app("publishingScopes"),
                subscription: by_app("subscriptionScopes"),
            }
        }
    }

    fn documents(component: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(format!("{ROOT}/components/{component}.yaml")).unwrap();
        text.split("\n---\n").map(|document| serde_saphyr::from_str(document).unwrap()).collect()
    }
}
