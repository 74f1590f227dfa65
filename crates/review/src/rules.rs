use learnflow_curriculum::Level;

use crate::{Category, Severity, checks, ruff};

/// What is known of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuleInfo {
    /// Its name; ruff's where it is one of ruff's.
    pub name: &'static str,
    /// Its code in ruff, if it is one of ruff's.
    pub code: Option<&'static str>,
    /// What its findings are about.
    pub category: Category,
    /// How much they matter.
    pub severity: Severity,
    /// The level from which students are shown them.
    pub from: Level,
}

/// Every rule, those of ruff first.
pub fn rules() -> impl Iterator<Item = RuleInfo> {
    ruff::rules().chain(checks::RULES.iter().map(|rule| **rule))
}
