use std::time::Duration;

use axum::http::HeaderValue;
use learnflow_service::{ConfigError, env};

/// What can be configured of the gateway.
pub struct Config {
    /// `ALLOWED_ORIGINS`: front ends that may call from a browser, separated by commas.
    pub allowed_origins: Vec<HeaderValue>,
    /// `ACCESS_TOKEN_SECONDS`: 3600 unless set.
    pub access_token_seconds: u32,
    /// `REPUBLISH_AFTER_MS`: how long a question may show no sign of life before it is published again, 3000 unless
    /// set; doubled with every attempt.
    pub republish_after: Duration,
    /// `WEBSOCKET_ADDRESSES`: where replicas of websocket-service listen, as `host:port` with commas between;
    /// `127.0.0.1:8108` unless set.
    pub websocket_addresses: Vec<String>,
}

impl Config {
    pub fn from_env() -> Result<Self, ConfigError> {
        let origins = env::or("ALLOWED_ORIGINS", "http://localhost:3000,http://localhost:8180".to_owned())?;
        let allowed_origins = origins
            .split(',')
            .map(str::trim)
            .filter(|origin| !origin.is_empty())
            .map(|origin| {
                origin.parse().map_err(|_| ConfigError::new("ALLOWED_ORIGINS", format!("{origin:?} is not an origin")))
            })
            .collect::<Result<_, _>>()?;
        let addresses = env::or("WEBSOCKET_ADDRESSES", "127.0.0.1:8108".to_owned())?;
        let websocket_addresses = addresses.split(',').map(|address| address.trim().to_owned()).collect();
        Ok(Self {
            allowed_origins,
            websocket_addresses,
            access_token_seconds: env::or("ACCESS_TOKEN_SECONDS", 3_600)?,
            republish_after: Duration::from_millis(env::or("REPUBLISH_AFTER_MS", 3_000)?),
        })
    }
}
