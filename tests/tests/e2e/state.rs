use std::{collections::HashMap, time::Duration};

use anyhow::{Result, ensure};
use futures::future::{join_all, try_join_all};
use learnflow_proto::{
    Kind, Struct, Value,
    events::LearningEvent,
    now,
    topics::{LEARNING_EVENTS, PUBSUB},
};
use learnflow_sidecar::{Concurrency, Error};
use uuid::Uuid;

use crate::{events::publisher, world::World};

/// SC-003: of writes that share a call, each one "only where nothing is stored" is made when it is the first, and is
/// refused when it is not; the first value stays.
pub async fn grouped_writes_tell_first_from_second(world: &World) -> Result<()> {
    let sidecar = publisher(world, "triage")?;
    let keys: Vec<_> = (0..20).map(|_| format!("test:{}", Uuid::new_v4())).collect();
    let write = async |value: u32| {
        join_all(keys.iter().map(|key| sidecar.set_grouped(key, &value, None, Concurrency::Absent))).await
    };
    for result in write(1).await {
        result?;
    }
    for result in write(2).await {
        ensure!(matches!(result, Err(Error::Conflict { .. })), "a second write gave {result:?}");
    }
    for key in &keys {
        let stored = sidecar.get::<u32>(key).await?.map(|entry| entry.value);
        ensure!(stored == Some(1), "{key} holds {stored:?}");
        sidecar.delete(key).await?;
    }
    Ok(())
}

/// Bad input: large values are read and large events are published beside each other, though together they are more than a
/// call to the sidecar may have.
pub async fn large_values_need_not_fit_into_one_call(world: &World) -> Result<()> {
    let sidecar = publisher(world, "triage")?;
    let value = "x".repeat(700 << 10);
    let keys: Vec<_> = (0..8).map(|_| format!("test:{}", Uuid::new_v4())).collect();
    let kept = Some(Duration::from_mins(5));
    try_join_all(keys.iter().map(|key| sidecar.set(key, &value, kept, Concurrency::LastWrite))).await?;
    for entry in try_join_all(keys.iter().map(|key| sidecar.get::<String>(key))).await? {
        ensure!(entry.is_some_and(|entry| entry.value == value), "a large value came back otherwise");
    }
    let event = LearningEvent {
        student_id: Uuid::new_v4().to_string(),
        kind: "test.large".to_owned(),
        occurred_at: Some(now()),
        detail: Some(Struct { fields: HashMap::from([("text".to_owned(), text(&value))]) }),
    };
    try_join_all(keys.iter().map(|key| sidecar.publish(PUBSUB, LEARNING_EVENTS, key, &event))).await?;
    Ok(())
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}
