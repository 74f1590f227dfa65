use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::config::{ConfigError, require};

/// FSRS-6, the Free Spaced Repetition Scheduler of the open-spaced-repetition project, with its 21 parameters
/// (<https://github.com/open-spaced-repetition/awesome-fsrs/wiki/The-Algorithm>). Intervals are not fuzzed: the same
/// reviews give the same schedule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FsrsConfig {
    /// The published defaults unless fitted to one's own reviews.
    pub parameters: [f64; 21],
    /// The probability of recall at which a review is due, over 0 and under 1; 0.9 by default.
    pub desired_retention: f64,
    /// Seconds until the next look at something new, step by step, before whole days are scheduled. None by default: a
    /// topic is not a flash card that comes back within minutes.
    pub learning_steps: Vec<u32>,
    /// The same after a lapse.
    pub relearning_steps: Vec<u32>,
    /// The longest interval in days, at least 1; 36500 by default.
    pub maximum_interval: u32,
}

const DEFAULT_PARAMETERS: [f64; 21] = [
    0.212, 1.2931, 2.3065, 8.2956, 6.4133, 0.8334, 3.0194, 0.001, 1.8722, 0.1666, 0.796, 1.4835, 0.0614, 0.2629,
    1.6483, 0.6014, 1.8729, 0.5425, 0.0912, 0.0658, 0.1542,
];
const LOWEST_PARAMETERS: [f64; 21] = [
    0.001, 0.001, 0.001, 0.001, 1.0, 0.001, 0.001, 0.001, 0.0, 0.0, 0.001, 0.001, 0.001, 0.001, 0.0, 0.0, 1.0, 0.0,
    0.0, 0.0, 0.1,
];
const HIGHEST_PARAMETERS: [f64; 21] = [
    100.0, 100.0, 100.0, 100.0, 10.0, 4.0, 4.0, 0.75, 4.5, 0.8, 3.5, 5.0, 0.25, 0.9, 4.0, 1.0, 6.0, 2.0, 2.0, 0.8, 0.8,
];
const LEAST_STABILITY: f64 = 0.001;

impl Default for FsrsConfig {
    fn default() -> Self {
        Self {
            parameters: DEFAULT_PARAMETERS,
            desired_retention: 0.9,
            learning_steps: Vec::new(),
            relearning_steps: Vec::new(),
            maximum_interval: 36_500,
        }
    }
}

/// How well a review went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rating {
    /// Forgotten.
    Again = 1,
    /// Recalled with serious difficulty.
    Hard = 2,
    /// Recalled after some hesitation.
    Good = 3,
    /// Recalled easily.
    Easy = 4,
}

impl Rating {
    fn number(self) -> f64 {
        f64::from(self as u8)
    }
}

/// Where a card is on its way. Steps count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CardState {
    /// New, at a learning step.
    Learning(usize),
    /// Scheduled in whole days.
    Review,
    /// Forgotten, at a relearning step.
    Relearning(usize),
}

/// What FSRS knows after one or more reviews.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Card {
    /// Where it is on its way.
    pub state: CardState,
    /// Days after which the probability of recall falls to 0.9.
    pub stability: f64,
    /// 1 to 10.
    pub difficulty: f64,
    /// When the next review is due.
    pub due: OffsetDateTime,
    /// When the last review was.
    pub last_review: OffsetDateTime,
}

impl FsrsConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let bounds = LOWEST_PARAMETERS.iter().zip(&HIGHEST_PARAMETERS);
        for (index, (value, (lowest, highest))) in self.parameters.iter().zip(bounds).enumerate() {
            let setting = format!("review.fsrs.parameters[{index}]");
            require((lowest..=highest).contains(&value), setting, value, "it is outside of FSRS-6's published bounds")?;
        }
        let retention = self.desired_retention;
        require(
            retention > 0.0 && retention < 1.0,
            "review.fsrs.desired_retention",
            retention,
            "use a number over 0 and under 1",
        )?;
        let longest = self.maximum_interval;
        require((1..=36_500).contains(&longest), "review.fsrs.maximum_interval", longest, "use 1 to 36500 days")
    }

    /// The card after a review; `None` stands for something never reviewed before. Reviews come in the order of time.
    pub fn review(&self, card: Option<&Card>, rating: Rating, at: OffsetDateTime) -> Card {
        let (state, stability, difficulty) = match card {
            None => (CardState::Learning(0), self.first_stability(rating), clamp(self.first_difficulty(rating))),
            Some(card) => {
                let stability = if (at - card.last_review).whole_days() < 1 {
                    self.short_term_stability(card.stability, rating)
                } else {
                    self.next_stability(card, self.retrievability(card, at), rating)
                };
                (card.state, stability, self.next_difficulty(card.difficulty, rating))
            }
        };
        let (state, interval) = self.step(state, rating, stability);
        Card { state, stability, difficulty, due: at.checked_add(interval).unwrap_or(at), last_review: at }
    }

    /// The probability of recall at a time, 0 to 1. Whole days count.
    pub fn retrievability(&self, card: &Card, at: OffsetDateTime) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a number of days is small")]
        let days = (at - card.last_review).whole_days().max(0) as f64;
        (1.0 + self.factor() * days / card.stability).powf(self.decay())
    }

    fn decay(&self) -> f64 {
        -self.parameters[20]
    }

    fn factor(&self) -> f64 {
        0.9_f64.powf(1.0 / self.decay()) - 1.0
    }

    /// The next state and the interval to the next review.
    fn step(&self, state: CardState, rating: Rating, stability: f64) -> (CardState, Duration) {
        let days = || (CardState::Review, self.interval(stability));
        let (steps, current, at): (_, _, fn(usize) -> CardState) = match state {
            CardState::Learning(step) => (&self.learning_steps, step, CardState::Learning),
            CardState::Relearning(step) => (&self.relearning_steps, step, CardState::Relearning),
            CardState::Review => match (rating, self.relearning_steps.first()) {
                (Rating::Again, Some(first)) => return (CardState::Relearning(0), seconds(*first)),
                _ => return days(),
            },
        };
        // A card may be at a step that a newer configuration no longer has.
        if steps.is_empty() || (current >= steps.len() && rating != Rating::Again) {
            return days();
        }
        match rating {
            Rating::Again => (at(0), seconds(steps[0])),
            Rating::Hard => {
                let wait = match (current, steps.get(1)) {
                    (0, None) => seconds(steps[0]) * 3 / 2,
                    (0, Some(second)) => (seconds(steps[0]) + seconds(*second)) / 2,
                    _ => seconds(steps[current]),
                };
                (at(current), wait)
            }
            Rating::Good if current + 1 < steps.len() => (at(current + 1), seconds(steps[current + 1])),
            Rating::Good | Rating::Easy => days(),
        }
    }

    fn interval(&self, stability: f64) -> Duration {
        let days = stability / self.factor() * (self.desired_retention.powf(1.0 / self.decay()) - 1.0);
        let longest = f64::from(self.maximum_interval);
        #[expect(clippy::cast_possible_truncation, reason = "between 1 and 36500")]
        let days = days.round_ties_even().max(1.0).min(longest) as i64;
        Duration::days(days)
    }

    fn first_stability(&self, rating: Rating) -> f64 {
        self.parameters[rating as usize - 1].max(LEAST_STABILITY)
    }

    fn first_difficulty(&self, rating: Rating) -> f64 {
        let w = &self.parameters;
        w[4] - (w[5] * (rating.number() - 1.0)).exp() + 1.0
    }

    fn next_difficulty(&self, difficulty: f64, rating: Rating) -> f64 {
        let w = &self.parameters;
        let change = -w[6] * (rating.number() - 3.0);
        let damped = difficulty + (10.0 - difficulty) * change / 9.0;
        clamp(w[7] * self.first_difficulty(Rating::Easy) + (1.0 - w[7]) * damped)
    }

    fn short_term_stability(&self, stability: f64, rating: Rating) -> f64 {
        let w = &self.parameters;
        let growth = (w[17] * (rating.number() - 3.0 + w[18])).exp() * stability.powf(-w[19]);
        let growth = if rating == Rating::Again { growth } else { growth.max(1.0) };
        (stability * growth).max(LEAST_STABILITY)
    }

    fn next_stability(&self, card: &Card, retrievability: f64, rating: Rating) -> f64 {
        let w = &self.parameters;
        let Card { stability, difficulty, .. } = *card;
        let forgotten = 1.0 - retrievability;
        let next = if rating == Rating::Again {
            let long_term =
                w[11] * difficulty.powf(-w[12]) * ((stability + 1.0).powf(w[13]) - 1.0) * (forgotten * w[14]).exp();
            long_term.min(stability / (w[17] * w[18]).exp())
        } else {
            let hard_penalty = if rating == Rating::Hard { w[15] } else { 1.0 };
            let easy_bonus = if rating == Rating::Easy { w[16] } else { 1.0 };
            let growth = w[8].exp()
                * (11.0 - difficulty)
                * stability.powf(-w[9])
                * ((forgotten * w[10]).exp() - 1.0)
                * hard_penalty
                * easy_bonus;
            stability * (1.0 + growth)
        };
        next.max(LEAST_STABILITY)
    }
}

fn clamp(difficulty: f64) -> f64 {
    difficulty.clamp(1.0, 10.0)
}

fn seconds(count: u32) -> Duration {
    Duration::seconds(count.into())
}
