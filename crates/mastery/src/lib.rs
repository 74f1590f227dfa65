//! Everything that is computed from a student's facts: mastery, streaks, struggle, knowledge, the next review.
//!
//! All of it is pure: a function of a set of [`Facts`], the configuration and, where time matters, "now". The order in
//! which facts are delivered, facts delivered twice and facts that come late make no difference to any result. Nothing
//! here reads a clock, a file or a database.
//!
//! | what | where | source |
//! |---|---|---|
//! | mastery per topic and module | [`topic_mastery`], [`module_mastery`] | [`MasteryConfig`] defines the parts |
//! | days in a row | [`streak`] | |
//! | struggle, one episode at a time | [`episodes`], [`reconcile`] | FR-037 |
//! | Error Quotient | [`error_quotient`] | Jadud 2006 |
//! | Repeated Error Density | [`repeated_error_density`] | Becker 2016 |
//! | wheel-spinning | [`wheel_spinning`] | Beck and Gong 2013 |
//! | probability that a topic is known | [`knowledge`], [`BktParameters`] | Corbett and Anderson 1995 |
//! | where the placement quiz lets one begin | [`starting_level`] | |
//! | next review | [`next_review`], [`FsrsConfig`] | FSRS-6 |
//!
//! [`record`] computes all of it at once.

mod bkt;
mod config;
mod fact;
mod fsrs;
mod mastery;
mod measures;
mod record;
mod review;
mod streak;
mod struggle;

pub use bkt::{BktParameters, Knowledge, KnowledgeConfig, knowledge, starting_level};
pub use config::{Config, ConfigError};
pub use fact::{CodeRun, Fact, FactKind, Facts, Outcome, Submission};
pub use fsrs::{Card, CardState, FsrsConfig, Rating};
pub use mastery::{MasteryConfig, Parts, TopicMastery, Weights, level, module_mastery, topic_mastery};
pub use measures::{Measures, WheelSpinning, error_quotient, measures, repeated_error_density, wheel_spinning};
pub use record::{Record, TopicRecord, record, topic_record};
pub use review::{ReviewConfig, next_review, reviews};
pub use streak::{Streak, UnknownZone, ZoneHistory, streak};
pub use struggle::{
    Ending, Episode, Reconciliation, Resolution, Rule, StoredAlert, StruggleConfig, UnknownRule, episodes, reconcile,
};
