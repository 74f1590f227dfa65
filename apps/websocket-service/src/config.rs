use std::time::Duration;

use learnflow_service::{ConfigError, env};

/// What can be configured of the chat sockets.
#[derive(Clone)]
pub struct Config {
    /// `ALLOWED_ORIGINS`: front ends whose pages may open sockets, separated by commas; as the gateway's.
    pub allowed_origins: Vec<String>,
    /// `REPUBLISH_AFTER_MS`: as the gateway's, 3000 unless set.
    pub republish_after: Duration,
    /// `MAX_SOCKETS`: so many on one replica, 10000 unless set; more are refused with 503.
    pub max_sockets: usize,
    /// `PING_SECONDS`: how often a socket is pinged, 20 unless set. One that has been silent for twice as long is dead.
    pub ping: Duration,
    /// `ASKS_PER_MINUTE`: how much one student may ask here, 100 unless set; teachers and admins six times as much.
    pub asks_per_minute: usize,
}

impl Config {
    /// # Errors
    /// [`ConfigError`] names a variable that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        let origins = env::or("ALLOWED_ORIGINS", "http://localhost:3000,http://localhost:8180".to_owned())?;
        Ok(Self {
            allowed_origins: origins.split(',').map(|origin| origin.trim().to_owned()).collect(),
            republish_after: Duration::from_millis(env::or("REPUBLISH_AFTER_MS", 3_000)?),
            max_sockets: env::or("MAX_SOCKETS", 10_000)?,
            ping: Duration::from_secs(env::or("PING_SECONDS", 20)?),
            asks_per_minute: env::or("ASKS_PER_MINUTE", 100)?,
        })
    }
}
