use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use learnflow_sidecar::Sidecar;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

/// The secret and its field.
const SECRET: (&str, &str) = ("model", "api_key");
/// How soon reading is tried again while the secret store is away.
const SOON: Duration = Duration::from_secs(2);
/// A refused key is read again at once, but not more often than this.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// Where the key comes from: reads it, none if there is none, or says why it cannot be read.
pub type KeySource = Box<dyn Fn() -> BoxFuture<'static, Result<Option<SecretString>, String>> + Send + Sync>;

/// The key of the model's endpoint, as the secret store has it. Cheap to clone.
#[derive(Clone)]
pub struct ApiKey {
    inner: Arc<Inner>,
}

struct Inner {
    source: KeySource,
    held: RwLock<Held>,
    /// Held by whoever reads the key; when it was last read because of a refusal.
    reading: Mutex<Option<Instant>>,
}

/// A key and how often it has changed.
#[derive(Clone, Default)]
pub(crate) struct Held {
    pub key: Option<SecretString>,
    pub version: u64,
}

impl ApiKey {
    /// A key that is not read yet.
    pub fn new(source: KeySource) -> Self {
        Self { inner: Arc::new(Inner { source, held: RwLock::default(), reading: Mutex::default() }) }
    }

    /// The key in the app's secret store: field `api_key` of the secret `model`.
    pub fn of(sidecar: Sidecar) -> Self {
        Self::new(Box::new(move || {
            let sidecar = sidecar.clone();
            Box::pin(async move {
                match sidecar.secret(SECRET.0).await {
                    Ok(secret) => {
                        Ok(secret.find(SECRET.1).filter(|key| !key.trim().is_empty()).map(|key| key.trim().into()))
                    }
                    // Stores tell a missing secret from a failure by their words only. An app whose scope doesn't
                    // include the secret has none.
                    Err(error @ learnflow_sidecar::Error::Unavailable { .. })
                        if !error.to_string().contains("not found") =>
                    {
                        Err(error.to_string())
                    }
                    Err(_) => Ok(None),
                }
            })
        }))
    }

    /// Reads the key again whenever it is `age` old, until the process ends.
    pub async fn keep_fresh(self, age: Duration) {
        loop {
            let pause = match self.read().await {
                Ok(()) => age,
                Err(error) => {
                    tracing::debug!(error, "the model's key not read; what was known stays in use");
                    SOON.min(age)
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    pub(crate) fn held(&self) -> Held {
        self.inner.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether there is a key.
    pub fn is_known(&self) -> bool {
        self.inner.held.read().unwrap_or_else(PoisonError::into_inner).key.is_some()
    }

    /// Reads the key again because the endpoint refused the one of this version. Returns whether there is another now.
    pub(crate) async fn refused(&self, version: u64) -> bool {
        let mut last_refusal = self.inner.reading.lock().await;
        // Of many calls refused at once, the first one reads.
        let recently = last_refusal.is_some_and(|last| last.elapsed() < RELOAD_PAUSE);
        if self.held().version == version && !recently {
            *last_refusal = Some(Instant::now());
            if let Err(error) = self.fetch().await {
                tracing::warn!(error, "the model's key was refused and could not be read again");
            }
        }
        let held = self.held();
        held.version != version && held.key.is_some()
    }

    /// Reads the key now.
    ///
    /// # Errors
    /// What the source says.
    pub async fn read(&self) -> Result<(), String> {
        let _reading = self.inner.reading.lock().await;
        self.fetch().await
    }

    async fn fetch(&self) -> Result<(), String> {
        let key = (self.inner.source)().await?;
        let mut held = self.inner.held.write().unwrap_or_else(PoisonError::into_inner);
        let same = match (&key, &held.key) {
            (Some(new), Some(old)) => new.expose_secret() == old.expose_secret(),
            (new, old) => new.is_none() && old.is_none(),
        };
        if !same {
            tracing::info!(present = key.is_some(), "the model's key has changed");
            *held = Held { key, version: held.version + 1 };
        }
        Ok(())
    }
}
