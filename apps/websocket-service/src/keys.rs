use std::time::Duration;

use anyhow::Context as _;
use learnflow_auth::{AuthError, Claims, PublicKeys};
use learnflow_proto::v1::{ListKeysRequest, auth_service_client::AuthServiceClient};
use learnflow_service::Fresh;
use learnflow_sidecar::Sidecar;

/// How old the keys may grow.
const MAX_AGE: Duration = Duration::from_secs(30);

/// The public keys of the access tokens, as the gateway publishes them: this service needs no private ones.
#[derive(Clone)]
pub struct KeyStore {
    keys: Fresh<PublicKeys, anyhow::Error>,
}

impl KeyStore {
    /// Nothing is asked for before the first token.
    pub fn new(sidecar: Sidecar) -> Self {
        let read = move || {
            let sidecar = sidecar.clone();
            async move { read(&sidecar).await }
        };
        Self { keys: Fresh::new("public keys", read) }
    }

    /// Asks for the keys again and again, until the process ends.
    pub async fn keep_fresh(self) {
        self.keys.keep(MAX_AGE).await;
    }

    /// The claims of a token; the inner error says why it is not accepted.
    ///
    /// # Errors
    /// When the keys cannot be had.
    pub async fn verify(&self, token: &str) -> anyhow::Result<Result<Claims, AuthError>> {
        match self.keys.get().await?.verify(token) {
            Err(AuthError::UnknownKey) => Ok(self.keys.again().await?.verify(token)),
            verified => Ok(verified),
        }
    }
}

async fn read(sidecar: &Sidecar) -> anyhow::Result<PublicKeys> {
    let mut gateway = AuthServiceClient::new(sidecar.app("api-gateway"));
    let response = gateway.list_keys(ListKeysRequest {}).await.context("the gateway does not give its keys")?;
    Ok(PublicKeys::from_jwks(&response.into_inner().jwks)?)
}
