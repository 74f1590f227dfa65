use std::collections::BTreeMap;

use learnflow_curriculum::Level;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::bkt::{Knowledge, knowledge, starting_level};
use crate::config::Config;
use crate::fact::Facts;
use crate::fsrs::Card;
use crate::mastery::{TopicMastery, topic_mastery};
use crate::measures::{Measures, measures};
use crate::review::next_review;
use crate::streak::{Streak, ZoneHistory, streak};
use crate::struggle::{Episode, Resolution, episodes};

/// Everything computed from one student's facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Days in a row.
    pub streak: Streak,
    /// By topic id; topics without facts are absent.
    pub topics: BTreeMap<String, TopicRecord>,
    /// Every episode of struggle, open or not.
    pub episodes: Vec<Episode>,
}

/// What is computed for one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRecord {
    /// Mastery by the weighted formula.
    pub mastery: TopicMastery,
    /// The knowledge estimate.
    pub knowledge: Knowledge,
    /// The review schedule; `None` before the first graded work.
    pub review: Option<Card>,
    /// The published measures.
    pub measures: Measures,
    /// Where the placement quiz let the student begin.
    pub starting_level: Option<Level>,
}

/// Computes everything at `now`, from the facts and resolutions of one student.
pub fn record(
    student: Uuid,
    facts: &Facts,
    resolutions: &[Resolution],
    zones: &ZoneHistory,
    now: OffsetDateTime,
    config: &Config,
) -> Record {
    let streak = streak(facts.active_at(), zones, now);
    let topics = facts.topics().map(|topic| (topic.to_owned(), topic_record(facts, topic, streak.days, config)));
    Record { streak, topics: topics.collect(), episodes: episodes(student, facts, resolutions, now, &config.struggle) }
}

/// Computes what is computed for one topic. It depends on the facts about that topic alone, and on the student's streak
/// ([`Streak::days`]).
pub fn topic_record(facts: &Facts, topic: &str, streak_days: u32, config: &Config) -> TopicRecord {
    TopicRecord {
        mastery: topic_mastery(facts, topic, streak_days, &config.mastery),
        knowledge: knowledge(facts, topic, &config.knowledge),
        review: next_review(facts, topic, &config.review),
        measures: measures(facts, topic),
        starting_level: starting_level(facts, topic),
    }
}
