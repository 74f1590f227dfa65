use std::{collections::BTreeMap, ops::Range};

use anyhow::{Context as _, Result};
use rskafka::{
    client::{
        Client, ClientBuilder,
        partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling},
    },
    record::Record,
};
use serde_json::Value;

use crate::world::World;

/// Looks into topics, and writes what no service would.
pub struct Kafka {
    client: Client,
}

impl Kafka {
    pub async fn of(world: &World) -> Result<Self> {
        let brokers = world.stack.kafka_brokers().split(',').map(ToOwned::to_owned).collect();
        Ok(Self { client: ClientBuilder::new(brokers).build().await? })
    }

    /// Every event of a topic that can be read as JSON, in order within each partition.
    pub async fn events(&self, topic: &str) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        for partition in self.partitions(topic).await? {
            let client = self.partition(topic, partition).await?;
            let mut next = client.get_offset(OffsetAt::Earliest).await?;
            let end = client.get_offset(OffsetAt::Latest).await?;
            while next < end {
                let (records, _) = client.fetch_records(next, Range { start: 1, end: 4_000_000 }, 500).await?;
                let Some(last) = records.last() else { break };
                next = last.offset + 1;
                let values = records.into_iter().filter_map(|record| record.record.value);
                events.extend(values.map(|value| {
                    serde_json::from_slice(&value)
                        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&value).into_owned()))
                }));
            }
        }
        Ok(events)
    }

    /// Writes a value as it is.
    pub async fn write(&self, topic: &str, partition: i32, value: &str) -> Result<()> {
        let record = Record {
            key: Some(b"stranger".to_vec()),
            value: Some(value.as_bytes().to_vec()),
            headers: BTreeMap::new(),
            timestamp: std::time::SystemTime::now().into(),
        };
        self.partition(topic, partition).await?.produce(vec![record], Compression::NoCompression).await?;
        Ok(())
    }

    /// The partitions of a topic.
    pub async fn partitions(&self, topic: &str) -> Result<Vec<i32>> {
        let topics = self.client.list_topics().await?;
        let found = topics.into_iter().find(|found| found.name == topic);
        Ok(found.with_context(|| format!("no topic {topic}"))?.partitions.into_iter().collect())
    }

    async fn partition(&self, topic: &str, partition: i32) -> Result<PartitionClient> {
        Ok(self.client.partition_client(topic, partition, UnknownTopicHandling::Error).await?)
    }
}
