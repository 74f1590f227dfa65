use std::{
    fmt::Display,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use learnflow_sidecar::Sidecar;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

/// Whoever finds the value out of date has it read again, but no more often than this: anybody outside may be the cause.
const PAUSE: Duration = Duration::from_secs(5);

type Read<T, E> = Box<dyn Fn() -> BoxFuture<'static, Result<T, E>> + Send + Sync>;

/// A value read from elsewhere that may change there, as rotated keys do: kept, and read again when it grows old or turns
/// out to be out of date. While it cannot be read, the last one stays in use. Cheap to clone.
pub struct Fresh<T, E> {
    inner: Arc<Inner<T, E>>,
}

struct Inner<T, E> {
    name: &'static str,
    read: Read<T, E>,
    value: RwLock<Option<Arc<T>>>,
    last_read: Mutex<Option<Instant>>,
}

impl<T, E> Clone for Fresh<T, E> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: Send + Sync + 'static, E: Display + Send + 'static> Fresh<T, E> {
    /// Nothing is read before it is needed. `name` is for the log.
    pub fn new<F, Fut>(name: &'static str, read: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
    {
        let read: Read<T, E> = Box::new(move || Box::pin(read()));
        Self { inner: Arc::new(Inner { name, read, value: RwLock::default(), last_read: Mutex::default() }) }
    }

    /// The value as last read.
    ///
    /// # Errors
    /// When it was never read and cannot be.
    pub async fn get(&self) -> Result<Arc<T>, E> {
        match self.known() {
            Some(value) => Ok(value),
            None => self.again().await,
        }
    }

    /// The value as it is now, unless it was read a moment ago.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn again(&self) -> Result<Arc<T>, E> {
        let mut last_read = self.inner.last_read.lock().await;
        if let (Some(last), Some(value)) = (*last_read, self.known())
            && last.elapsed() < PAUSE
        {
            return Ok(value);
        }
        self.read(&mut last_read).await
    }

    /// Reads the value again whenever it is `age` old, until the process ends.
    pub async fn keep(self, age: Duration) {
        loop {
            tokio::time::sleep(age).await;
            let read = self.read(&mut *self.inner.last_read.lock().await).await;
            if let Err(error) = read {
                let error = format!("{error:#}");
                tracing::warn!(error, name = self.inner.name, "not read again: what was known stays in use");
            }
        }
    }

    /// The value as last read, if it was.
    pub fn known(&self) -> Option<Arc<T>> {
        self.inner.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read(&self, last_read: &mut Option<Instant>) -> Result<Arc<T>, E> {
        let value = Arc::new((self.inner.read)().await?);
        *self.inner.value.write().unwrap_or_else(PoisonError::into_inner) = Some(value.clone());
        *last_read = Some(Instant::now());
        Ok(value)
    }
}

impl<T: DeserializeOwned + Default + Send + Sync + 'static> Fresh<T, learnflow_sidecar::Error> {
    /// What is stored under a key of the state store, or a default.
    pub fn of_state(sidecar: Sidecar, key: &'static str) -> Self {
        Self::new(key, move || {
            let sidecar = sidecar.clone();
            async move { Ok(sidecar.get::<T>(key).await?.map(|entry| entry.value).unwrap_or_default()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Rotation: a value is read once for all who need it, and what was known stays in use while it cannot be read.
    #[tokio::test]
    async fn a_value_is_read_once_and_kept() {
        let reads = Arc::new(AtomicU32::new(0));
        let counter = reads.clone();
        let fresh = Fresh::new("number", move || {
            let count = counter.fetch_add(1, Ordering::Relaxed);
            async move { if count == 0 { Err("away") } else { Ok(count) } }
        });
        assert_eq!(fresh.get().await, Err("away"));
        let (first, second) = tokio::join!(fresh.get(), fresh.again());
        assert_eq!((*first.unwrap(), *second.unwrap()), (1, 1));
        assert_eq!((*fresh.get().await.unwrap(), reads.load(Ordering::Relaxed)), (1, 2));
    }
}
