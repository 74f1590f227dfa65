//! What can be set, beside what every service has.

use std::time::Duration;

use learnflow_service::{ConfigError, env};
use secrecy::SecretString;

/// The service's own configuration.
pub struct Config {
    /// `DATABASE_URL`: replaces the `url` field of the secret `database`.
    pub database_url: Option<SecretString>,
    /// How the database is used.
    pub database: DatabaseConfig,
}

/// How the database is used.
#[derive(Clone)]
pub struct DatabaseConfig {
    /// `DATABASE_POOL_MAX`: most connections at a time, 20 unless set.
    pub pool_max: usize,
    /// `DATABASE_STATEMENT_TIMEOUT_MS`: a statement that takes longer is cancelled, 5 s unless set.
    pub statement_timeout: Duration,
    /// `DATABASE_SLOW_MS`: a statement that takes longer is logged with its plan, 200 ms unless set.
    pub slow: Duration,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] names the variable that cannot be used.
    pub fn from_env() -> Result<Self, ConfigError> {
        let pool_max = env::or("DATABASE_POOL_MAX", 20)?;
        if pool_max == 0 {
            return Err(ConfigError::new("DATABASE_POOL_MAX", "at least one connection is needed"));
        }
        Ok(Self {
            database_url: env::optional::<String>("DATABASE_URL")?.map(SecretString::from),
            database: DatabaseConfig {
                pool_max,
                statement_timeout: Duration::from_millis(env::or("DATABASE_STATEMENT_TIMEOUT_MS", 5_000)?),
                slow: Duration::from_millis(env::or("DATABASE_SLOW_MS", 200)?),
            },
        })
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { pool_max: 20, statement_timeout: Duration::from_secs(5), slow: Duration::from_millis(200) }
    }
}
