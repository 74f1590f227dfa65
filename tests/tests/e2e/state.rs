use anyhow::{Result, ensure};
use futures::future::join_all;
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
