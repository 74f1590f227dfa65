//! What can be set, beside what every service has.

use std::time::Duration;

use learnflow_mastery::Config as MasteryConfig;
use learnflow_service::{ConfigError, env};
use secrecy::SecretString;

/// The service's own configuration.
pub struct Config {
    /// `DATABASE_URL`: replaces the `url` field of the secret `database`.
    pub database_url: Option<SecretString>,
    /// How the database is used.
    pub database: DatabaseConfig,
    /// `EVENTS_KEPT_MONTHS`: how many whole months events are kept beyond the present one, 24 unless set; 0 for ever.
    pub events_kept_months: u32,
    /// `MASTERY_CONFIG`: a TOML file with the weights of mastery, the windows of struggle and the parameters of the
    /// estimates; what it does not set, and without it everything, is at its default.
    pub mastery: MasteryConfig,
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
            events_kept_months: env::or("EVENTS_KEPT_MONTHS", 24)?,
            mastery: mastery(env::optional::<String>("MASTERY_CONFIG")?.as_deref())?,
        })
    }
}

fn mastery(path: Option<&str>) -> Result<MasteryConfig, ConfigError> {
    let Some(path) = path else { return Ok(MasteryConfig::default()) };
    let wrong = |reason: String| ConfigError::new("MASTERY_CONFIG", format!("{path}: {reason}"));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let config: MasteryConfig = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    config.validate().map_err(|error| wrong(error.to_string()))?;
    Ok(config)
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { pool_max: 20, statement_timeout: Duration::from_secs(5), slow: Duration::from_millis(200) }
    }
}
