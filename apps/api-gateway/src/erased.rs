use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use learnflow_auth::erased::{Erased, KEY};
use learnflow_sidecar::Sidecar;

/// How often the list is read: so long may a token outlive its account.
const EVERY: Duration = Duration::from_secs(2);

/// Accounts that were erased, as last read from the state store.
#[derive(Clone, Default)]
pub struct ErasedUsers {
    list: Arc<RwLock<Erased>>,
}

impl ErasedUsers {
    /// Whether the user's tokens are refused.
    pub fn contains(&self, user_id: &str) -> bool {
        self.list.read().unwrap_or_else(PoisonError::into_inner).contains(user_id)
    }

    /// Reads the list again and again, until the process ends. While the store is away the last one holds.
    pub async fn keep_fresh(self, sidecar: Sidecar) {
        loop {
            match sidecar.get::<Erased>(KEY).await {
                Ok(stored) => {
                    let list = stored.map(|entry| entry.value).unwrap_or_default();
                    *self.list.write().unwrap_or_else(PoisonError::into_inner) = list;
                }
                Err(error) => tracing::debug!(%error, "the list of erased accounts was not read again"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
