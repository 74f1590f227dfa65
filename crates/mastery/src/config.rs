use serde::{Deserialize, Serialize};

use crate::{KnowledgeConfig, MasteryConfig, ReviewConfig, StruggleConfig};

/// Everything that can be configured; each part has the documented default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The mastery formula.
    pub mastery: MasteryConfig,
    /// The struggle rules.
    pub struggle: StruggleConfig,
    /// The knowledge estimate.
    pub knowledge: KnowledgeConfig,
    /// The review schedule.
    pub review: ReviewConfig,
}

/// A value of the configuration is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} is {value}: {rule}")]
pub struct ConfigError {
    /// Path of the setting, for example `mastery.weights`.
    pub setting: String,
    /// What it is.
    pub value: String,
    /// What it must be.
    pub rule: &'static str,
}

impl Config {
    /// Checks every value. To be called once, at start: the functions of this crate rely on it.
    ///
    /// # Errors
    /// Names the first value out of range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.mastery.validate()?;
        self.struggle.validate()?;
        self.knowledge.validate()?;
        self.review.validate()
    }
}

/// An error that names `setting`, unless `holds`.
pub(crate) fn require(
    holds: bool,
    setting: impl Into<String>,
    value: impl std::fmt::Debug,
    rule: &'static str,
) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(ConfigError { setting: setting.into(), value: format!("{value:?}"), rule }) }
}
