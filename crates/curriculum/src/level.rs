use std::{fmt, str::FromStr};

/// How far a student is with a topic. Ordered: `Beginner < Learning < Proficient < Mastered`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Mastery 0-40.
    #[default]
    Beginner,
    /// Mastery 41-70.
    Learning,
    /// Mastery 71-90.
    Proficient,
    /// Mastery 91-100.
    Mastered,
}

/// The given text names no level.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown level {0:?}: use beginner, learning, proficient or mastered")]
pub struct UnknownLevel(pub String);

impl Level {
    /// All levels, lowest first.
    pub const ALL: [Self; 4] = [Self::Beginner, Self::Learning, Self::Proficient, Self::Mastered];

    /// The level's name as it stands in files, events and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Learning => "learning",
            Self::Proficient => "proficient",
            Self::Mastered => "mastered",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}
