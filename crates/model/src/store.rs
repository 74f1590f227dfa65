use std::time::Duration;

use futures::{FutureExt as _, future::BoxFuture};
use learnflow_sidecar::{Concurrency, Sidecar};
use serde_json::Value;
use tokio::time::timeout;

/// How long the store may take. What is kept here only saves work, so nobody waits for it.
const PATIENCE: Duration = Duration::from_millis(300);

/// Where answers and counters are kept. It may lose everything at any time, and fail without saying so.
pub trait Store: Send + Sync + 'static {
    /// What is kept under a key.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Value>>;
    /// Keeps a value for a while.
    fn set<'a>(&'a self, key: &'a str, value: Value, ttl: Duration) -> BoxFuture<'a, ()>;
}

impl Store for Sidecar {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Option<Value>> {
        async move {
            if let Ok(Ok(entry)) = timeout(PATIENCE, Sidecar::get(self, key)).await {
                return entry.map(|entry| entry.value);
            }
            metrics::counter!("model_store_failures_total").increment(1);
            None
        }
        .boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Value, ttl: Duration) -> BoxFuture<'a, ()> {
        async move {
            let write = Sidecar::set(self, key, &value, Some(ttl), Concurrency::LastWrite);
            if !matches!(timeout(PATIENCE, write).await, Ok(Ok(()))) {
                metrics::counter!("model_store_failures_total").increment(1);
            }
        }
        .boxed()
    }
}
