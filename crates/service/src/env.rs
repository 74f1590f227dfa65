//! Configuration comes from the environment; a wrong value stops the start and is named.

use std::{fmt::Display, str::FromStr};

/// A variable that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("environment variable {name}: {reason}")]
pub struct ConfigError {
    name: String,
    reason: String,
}

impl ConfigError {
    /// Names a variable and what is wrong with it.
    pub fn new(name: &str, reason: impl Display) -> Self {
        Self { name: name.to_owned(), reason: reason.to_string() }
    }
}

/// Reads a variable, `default` when it is unset or empty.
///
/// # Errors
/// [`ConfigError`] when the value cannot be parsed.
pub fn or<T>(name: &str, default: T) -> Result<T, ConfigError>
where
    T: FromStr,
    T::Err: Display,
{
    Ok(optional(name)?.unwrap_or(default))
}

/// Reads a variable that may be unset or empty.
///
/// # Errors
/// [`ConfigError`] when the value cannot be parsed.
pub fn optional<T>(name: &str) -> Result<Option<T>, ConfigError>
where
    T: FromStr,
    T::Err: Display,
{
    match std::env::var(name) {
        Ok(text) if !text.is_empty() => {
            text.parse().map(Some).map_err(|error| ConfigError::new(name, format!("{text:?} cannot be used: {error}")))
        }
        Ok(_) | Err(std::env::VarError::NotPresent) => Ok(None),
        Err(error) => Err(ConfigError::new(name, error)),
    }
}
