use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use learnflow_auth::{AuthError, Claims, Keys, PrivateKey};
use learnflow_sidecar::Sidecar;
use tokio::sync::Mutex;

/// An unknown key id makes the secret be read again, but no more often than this: anybody can send one.
const RELOAD_PAUSE: Duration = Duration::from_secs(5);

/// How old the keys may grow before they are read again, so that a rotated key comes into use without a restart.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The signing keys, read from the secret store when they are first needed and when a token names an unknown one.
#[derive(Clone)]
pub struct KeyStore {
    sidecar: Sidecar,
    keys: Arc<RwLock<Option<Arc<Keys>>>>,
    last_load: Arc<Mutex<Option<Instant>>>,
}

impl KeyStore {
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar, keys: Arc::default(), last_load: Arc::default() }
    }

    /// The keys as last read.
    pub async fn keys(&self) -> anyhow::Result<Arc<Keys>> {
        match self.loaded() {
            Some(keys) => Ok(keys),
            None => self.reload().await,
        }
    }

    /// Reads the keys again and again, until the process ends.
    pub async fn keep_fresh(self) {
        loop {
            tokio::time::sleep(MAX_AGE).await;
            if let Err(error) = self.reload().await {
                tracing::warn!(error = format!("{error:#}"), "signing keys not read again; the last ones stay in use");
            }
        }
    }

    /// The claims of a token; the inner error says why it is not accepted.
    pub async fn verify(&self, token: &str) -> anyhow::Result<Result<Claims, AuthError>> {
        match self.keys().await?.verify(token) {
            Err(AuthError::UnknownKey) => Ok(self.reload().await?.verify(token)),
            verified => Ok(verified),
        }
    }

    fn loaded(&self) -> Option<Arc<Keys>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn reload(&self) -> anyhow::Result<Arc<Keys>> {
        let mut last_load = self.last_load.lock().await;
        if let (Some(last), Some(keys)) = (*last_load, self.loaded())
            && last.elapsed() < RELOAD_PAUSE
        {
            return Ok(keys);
        }
        let secret = self.sidecar.secret("jwt").await.context("cannot read the signing keys")?;
        let current = PrivateKey { kid: secret.get("current_kid")?, pem: secret.get("private_key")? };
        let mut others = Vec::new();
        for (kid, pem) in [("next_kid", "next_private_key"), ("previous_kid", "previous_private_key")] {
            if let (Some(kid), Some(pem)) = (secret.find(kid), secret.find(pem)) {
                others.push(PrivateKey { kid, pem });
            }
        }
        let keys = Arc::new(Keys::new(&current, &others)?);
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys.clone());
        *last_load = Some(Instant::now());
        tracing::debug!(kid = current.kid, others = others.len(), "signing keys read");
        Ok(keys)
    }
}
