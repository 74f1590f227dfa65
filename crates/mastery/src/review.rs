use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::config::{ConfigError, require};
use crate::fact::{FactKind, Facts, percent};
use crate::fsrs::{Card, FsrsConfig, Rating};

/// How facts become reviews, and reviews a schedule.
///
/// FSRS was made for one review of a card at a time, days apart; ten submissions within the hour are not ten recalls.
/// So all graded work on a topic within one UTC day is **one review**, at the time of the day's last piece. Its rating
/// comes from the mean score of the day's submissions and quiz attempts: below `hard_from` Again, below `good_from`
/// Hard, below `easy_from` Good, else Easy. Failing four times before passing is thus not the same as passing at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReviewConfig {
    /// The scheduler.
    pub fsrs: FsrsConfig,
    /// The mean score that is Hard, no longer Again; 50 by default.
    pub hard_from: u8,
    /// The mean score that is Good; 70 by default.
    pub good_from: u8,
    /// The mean score that is Easy, at most 100; 95 by default.
    pub easy_from: u8,
}

impl Default for ReviewConfig {
    fn default() -> Self {
        Self { fsrs: FsrsConfig::default(), hard_from: 50, good_from: 70, easy_from: 95 }
    }
}

impl ReviewConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.fsrs.validate()?;
        let Self { hard_from, good_from, easy_from, .. } = *self;
        require(
            hard_from <= good_from && good_from <= easy_from && easy_from <= 100,
            "review",
            (hard_from, good_from, easy_from),
            "hard_from, good_from and easy_from go up, to 100 at most",
        )
    }

    fn rating(&self, score: f64) -> Rating {
        match score {
            score if score < percent(self.hard_from) => Rating::Again,
            score if score < percent(self.good_from) => Rating::Hard,
            score if score < percent(self.easy_from) => Rating::Good,
            _ => Rating::Easy,
        }
    }
}

/// The reviews of a topic, one per UTC day with graded work, in the order of time.
pub fn reviews(facts: &Facts, topic: &str, config: &ReviewConfig) -> Vec<(OffsetDateTime, Rating)> {
    let mut graded = facts
        .on_topic(topic)
        .filter_map(|fact| match &fact.kind {
            FactKind::Submission(submission) => Some((fact.at, percent(submission.score))),
            FactKind::QuizAttempt { score } => Some((fact.at, percent(*score))),
            _ => None,
        })
        .peekable();
    let day = |at: OffsetDateTime| at.unix_timestamp().div_euclid(86_400);
    let mut reviews = Vec::new();
    while let Some((mut last, mut sum)) = graded.next() {
        let mut count = 1.0;
        while let Some((at, score)) = graded.next_if(|(at, _)| day(*at) == day(last)) {
            last = at;
            sum += score;
            count += 1.0;
        }
        reviews.push((last, config.rating(sum / count)));
    }
    reviews
}

/// What FSRS says about a topic: when to review it next ([`Card::due`]), and on what grounds. `None` before the first
/// graded work.
pub fn next_review(facts: &Facts, topic: &str, config: &ReviewConfig) -> Option<Card> {
    reviews(facts, topic, config)
        .into_iter()
        .fold(None, |card, (at, rating)| Some(config.fsrs.review(card.as_ref(), rating, at)))
}
