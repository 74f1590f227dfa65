use std::time::Duration;

use crate::Guard;

/// How good a model a task needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// For what takes thought: programs, errors, questions of advanced students.
    Strong,
    /// For the rest.
    Cheap,
}

/// What the model is to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Markdown, which can be streamed to the student as it is written.
    Markdown,
    /// A [`crate::Reply`] as JSON, which is shown once it is complete and checked.
    Reply,
    /// JSON of another schema; see [`crate::ModelTutor::structured`].
    Json(Schema),
}

/// What JSON is to look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schema {
    /// A name for it: letters and underscores.
    pub name: &'static str,
    /// The JSON schema.
    pub text: &'static str,
}

/// One thing to have written.
#[derive(Clone, Debug)]
pub struct Call {
    /// What the model is to do.
    pub system: String,
    /// What it is to do it with; see [`crate::Prompt::call`].
    pub user: String,
    /// Which model.
    pub tier: Tier,
    /// What it is to write.
    pub shape: Shape,
    /// What it must not write.
    pub guard: Guard,
}

/// What calls cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens sent.
    pub input: u64,
    /// Tokens received.
    pub output: u64,
}

/// Why the model wrote nothing that can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No key is configured.
    #[error("no key for the model: set api_key of the secret \"model\"")]
    NoKey,
    /// The circuit breaker keeps calls back.
    #[error("the model has failed too often: no calls for a while")]
    BreakerOpen,
    /// The student has used up the day's tokens.
    #[error("the student has used up today's tokens")]
    StudentBudget,
    /// The endpoint does not take the key.
    #[error("the model's endpoint refuses the key (status 401 or 403): check api_key of the secret \"model\"")]
    Unauthorized,
    /// Too many calls.
    #[error("the model's endpoint limits the rate of calls")]
    RateLimited {
        /// How long the endpoint wants to be left alone.
        after: Option<Duration>,
    },
    /// The endpoint cannot be reached, or fails, or breaks off.
    #[error("the model's endpoint is unavailable: {0}")]
    Unavailable(String),
    /// It takes too long.
    #[error("the model takes too long: {0}")]
    Timeout(&'static str),
    /// It does not speak the protocol.
    #[error("the model's endpoint sends what is no answer: {0}")]
    Malformed(&'static str),
    /// It refuses the request as such.
    #[error("the model's endpoint refuses the request (status {0}): check MODEL_BASE_URL, MODEL_STRONG, MODEL_CHEAP")]
    Refused(u16),
    /// What it wrote must not be shown.
    #[error("what the model wrote is not shown: {0}")]
    Rejected(&'static str),
}

impl Failure {
    /// Whether the same call may succeed in a while.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable(_) | Self::Timeout(_) | Self::Malformed(_))
    }

    /// Whether it speaks against the endpoint, not only against this call.
    pub(crate) fn is_the_endpoints(&self) -> bool {
        self.is_transient() || matches!(self, Self::Unauthorized | Self::Refused(404))
    }

    /// One word, for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NoKey => "no_key",
            Self::BreakerOpen => "breaker_open",
            Self::StudentBudget => "student_budget",
            Self::Unauthorized => "unauthorized",
            Self::RateLimited { .. } => "rate_limited",
            Self::Unavailable(_) => "unavailable",
            Self::Timeout(_) => "timeout",
            Self::Malformed(_) => "malformed",
            Self::Refused(_) => "refused",
            Self::Rejected(_) => "rejected",
        }
    }
}
