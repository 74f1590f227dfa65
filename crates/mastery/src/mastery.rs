use std::collections::HashMap;

use learnflow_curriculum::{Difficulty, Level};
use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, require};
use crate::fact::{FactKind, Facts, percent};

/// How mastery is made. `mastery = Σ weight × part`, and each part is 0 to 100:
///
/// - **exercises**: an exercise earns its best score times the factor of its difficulty. The part is the mean over the
///   `exercises_counted` exercises that earned most; places still empty count 0. One more submission can only raise it.
/// - **quizzes**: the best attempt. One more attempt can only raise it.
/// - **code quality**: the mean of all ratings, each weighted by `quality_memory` to the power of the number of newer
///   ratings, so that the latest counts most. A higher rating in place of a lower one raises it; a new one may lower it.
/// - **consistency**: the student's streak out of `consistency_days`, from the first fact on the topic on.
///
/// A placement quiz is no part of it: it asks where to begin, and shows no work on the topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MasteryConfig {
    /// The weights of the parts.
    pub weights: Weights,
    /// How many exercises make the part of the exercises full, at least 1; 3 by default.
    pub exercises_counted: u32,
    /// Factors of easy, medium and hard exercises, over 0 and up to 1; 0.6, 0.8 and 1 by default. With these, easy
    /// exercises alone lead to 60, one of each difficulty to 80, hard ones to 100.
    pub difficulty_factors: [f64; 3],
    /// Weight of a rating relative to the next newer one, over 0 and up to 1; 0.7 by default.
    pub quality_memory: f64,
    /// The streak, in days, that makes consistency full, at least 1; 7 by default.
    pub consistency_days: u32,
}

/// The weights of the parts of mastery; each is at least 0, and together they are 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// 0.4 by default.
    pub exercises: f64,
    /// 0.3 by default.
    pub quizzes: f64,
    /// 0.2 by default.
    pub code_quality: f64,
    /// 0.1 by default.
    pub consistency: f64,
}

impl Default for Weights {
    fn default() -> Self {
        Self { exercises: 0.4, quizzes: 0.3, code_quality: 0.2, consistency: 0.1 }
    }
}

impl Default for MasteryConfig {
    fn default() -> Self {
        Self {
            weights: Weights::default(),
            exercises_counted: 3,
            difficulty_factors: [0.6, 0.8, 1.0],
            quality_memory: 0.7,
            consistency_days: 7,
        }
    }
}

impl MasteryConfig {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let Weights { exercises, quizzes, code_quality, consistency } = self.weights;
        let weights = [exercises, quizzes, code_quality, consistency];
        let sum: f64 = weights.iter().sum();
        require(
            weights.iter().all(|weight| *weight >= 0.0) && (sum - 1.0).abs() < 1e-9,
            "mastery.weights",
            self.weights,
            "weights are at least 0 and sum to 1",
        )?;
        require(self.exercises_counted >= 1, "mastery.exercises_counted", self.exercises_counted, "use at least 1")?;
        require(
            self.difficulty_factors.iter().all(|factor| *factor > 0.0 && *factor <= 1.0),
            "mastery.difficulty_factors",
            self.difficulty_factors,
            "factors are over 0 and at most 1",
        )?;
        require(
            self.quality_memory > 0.0 && self.quality_memory <= 1.0,
            "mastery.quality_memory",
            self.quality_memory,
            "use a number over 0 and at most 1",
        )?;
        require(self.consistency_days >= 1, "mastery.consistency_days", self.consistency_days, "use at least 1")
    }

    const fn factor(&self, difficulty: Difficulty) -> f64 {
        let [easy, medium, hard] = self.difficulty_factors;
        match difficulty {
            Difficulty::Easy => easy,
            Difficulty::Medium => medium,
            Difficulty::Hard => hard,
        }
    }
}

/// The parts of mastery, each 0 to 100; `None` when not yet attempted, which counts as 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// From graded solutions.
    pub exercises: Option<f64>,
    /// From quizzes.
    pub quizzes: Option<f64>,
    /// From code reviews.
    pub code_quality: Option<f64>,
    /// From the streak.
    pub consistency: Option<f64>,
}

/// Mastery of a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopicMastery {
    /// 0 to 100, not rounded.
    pub mastery: f64,
    /// As [`level`] says.
    pub level: Level,
    /// What it is made of.
    pub parts: Parts,
}

/// Mastery of a topic from the facts about it and the student's streak ([`Streak::days`](crate::Streak::days)).
pub fn topic_mastery(facts: &Facts, topic: &str, streak_days: u32, config: &MasteryConfig) -> TopicMastery {
    let parts = Parts {
        exercises: exercises(facts, topic, config),
        quizzes: facts.on_topic(topic).filter_map(quiz_score).reduce(f64::max),
        code_quality: code_quality(facts, topic, config.quality_memory),
        consistency: facts
            .on_topic(topic)
            .find(|fact| !matches!(fact.kind, FactKind::Placement { .. }))
            .map(|_| consistency(streak_days, config)),
    };
    TopicMastery::of(parts, config)
}

impl TopicMastery {
    /// What the parts make together.
    pub fn of(parts: Parts, config: &MasteryConfig) -> Self {
        let weights = config.weights;
        let mastery = weights.exercises * parts.exercises.unwrap_or(0.0)
            + weights.quizzes * parts.quizzes.unwrap_or(0.0)
            + weights.code_quality * parts.code_quality.unwrap_or(0.0)
            + weights.consistency * parts.consistency.unwrap_or(0.0);
        let mastery = mastery.clamp(0.0, 100.0);
        Self { mastery, level: level(mastery), parts }
    }

    /// What becomes of it when the streak changes and nothing else.
    #[must_use]
    pub fn with_streak(self, streak_days: u32, config: &MasteryConfig) -> Self {
        let part = self.parts.consistency.map(|_| consistency(streak_days, config));
        Self::of(Parts { consistency: part, ..self.parts }, config)
    }
}

fn consistency(streak_days: u32, config: &MasteryConfig) -> f64 {
    let days = config.consistency_days;
    100.0 * f64::from(streak_days.min(days)) / f64::from(days)
}

/// Mastery of a module: the mean over its topics, in which a topic not yet begun is 0. No topics: 0.
pub fn module_mastery(topics: impl IntoIterator<Item = f64>) -> (f64, Level) {
    let (sum, count) = topics.into_iter().fold((0.0, 0_u32), |(sum, count), topic| (sum + topic, count + 1));
    let mastery = if count == 0 { 0.0 } else { sum / f64::from(count) };
    (mastery, level(mastery))
}

/// The level of a mastery from 0 to 100, which is rounded to the nearest whole number first, halves up: up to 40
/// beginner, up to 70 learning, up to 90 proficient, then mastered. So 40.49 is beginner and 40.5 learning.
pub fn level(mastery: f64) -> Level {
    match mastery.round() {
        rounded if rounded <= 40.0 => Level::Beginner,
        rounded if rounded <= 70.0 => Level::Learning,
        rounded if rounded <= 90.0 => Level::Proficient,
        _ => Level::Mastered,
    }
}

fn exercises(facts: &Facts, topic: &str, config: &MasteryConfig) -> Option<f64> {
    let mut earned: HashMap<&str, f64> = HashMap::new();
    for fact in facts.on_topic(topic) {
        if let FactKind::Submission(submission) = &fact.kind {
            let earns = percent(submission.score) * config.factor(submission.difficulty);
            earned.entry(&submission.exercise).and_modify(|best| *best = best.max(earns)).or_insert(earns);
        }
    }
    if earned.is_empty() {
        return None;
    }
    let mut best: Vec<f64> = earned.into_values().collect();
    best.sort_by(|a, b| b.total_cmp(a));
    let counted = config.exercises_counted;
    Some(best.iter().take(counted as usize).sum::<f64>() / f64::from(counted))
}

fn quiz_score(fact: &crate::Fact) -> Option<f64> {
    match fact.kind {
        FactKind::QuizAttempt { score } => Some(percent(score)),
        _ => None,
    }
}

fn code_quality(facts: &Facts, topic: &str, memory: f64) -> Option<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for fact in facts.on_topic(topic) {
        if let FactKind::CodeReview { rating } = fact.kind {
            sum = sum * memory + percent(rating);
            weight = weight * memory + 1.0;
        }
    }
    (weight > 0.0).then(|| sum / weight)
}
