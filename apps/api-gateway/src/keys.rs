use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use learnflow_auth::{AuthError, Claims, Keys, PrivateKey};
use learnflow_service::Fresh;
use learnflow_sidecar::Sidecar;

/// How old the keys may grow before they are read again, so that a rotated key comes into use without a restart.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The signing keys, read from the secret store when they are first needed and when a token names an unknown one.
#[derive(Clone)]
pub struct KeyStore {
    keys: Fresh<Keys, anyhow::Error>,
}

impl KeyStore {
    pub fn new(sidecar: Sidecar) -> Self {
        let read = move || {
            let sidecar = sidecar.clone();
            async move { read(&sidecar).await }
        };
        Self { keys: Fresh::new("signing keys", read) }
    }

    /// The keys as last read.
    pub async fn keys(&self) -> anyhow::Result<Arc<Keys>> {
        self.keys.get().await
    }

    /// Reads the keys again and again, until the process ends.
    pub async fn keep_fresh(self) {
        self.keys.keep(MAX_AGE).await;
    }

    /// The claims of a token; the inner error says why it is not accepted.
    pub async fn verify(&self, token: &str) -> anyhow::Result<Result<Claims, AuthError>> {
        match self.keys.get().await?.verify(token) {
            Err(AuthError::UnknownKey) => Ok(self.keys.again().await?.verify(token)),
            verified => Ok(verified),
        }
    }
}

async fn read(sidecar: &Sidecar) -> anyhow::Result<Keys> {
    let secret = sidecar.secret("jwt").await.context("cannot read the signing keys")?;
    let current = PrivateKey { kid: secret.get("current_kid")?, pem: secret.get("private_key")? };
    let mut others = Vec::new();
    for (kid, pem) in [("next_kid", "next_private_key"), ("previous_kid", "previous_private_key")] {
        if let (Some(kid), Some(pem)) = (secret.find(kid), secret.find(pem)) {
            others.push(PrivateKey { kid, pem });
        }
    }
    tracing::debug!(kid = current.kid, others = others.len(), "signing keys read");
    Ok(Keys::new(&current, &others)?)
}
