use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{ConfigError, require};
use learnflow_curriculum::Level;

use crate::fact::{Fact, FactKind, Facts, Outcome};

/// Parameters of Bayesian Knowledge Tracing for one topic: A. T. Corbett, J. R. Anderson, "Knowledge tracing: Modeling
/// the acquisition of procedural knowledge", User Modeling and User-Adapted Interaction 4 (1995), 253-278.
///
/// A topic is either known or not, and is never forgotten (the review schedule is about forgetting).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BktParameters {
    /// P(L0): known before the first attempt; over 0 and under 1.
    pub prior: f64,
    /// P(T): learned at an attempt if not known before; 0 to 1.
    pub learn: f64,
    /// P(G): right although not known; over 0.
    pub guess: f64,
    /// P(S): wrong although known; over 0, and guess + slip under 1, else an error would speak for knowledge.
    pub slip: f64,
}

impl Default for BktParameters {
    /// Common starting values, for topics without fitted ones.
    fn default() -> Self {
        Self { prior: 0.3, learn: 0.15, guess: 0.2, slip: 0.1 }
    }
}

impl BktParameters {
    /// P(known) after an attempt, from P(known) before it: the posterior given the attempt, then the chance to have
    /// learned from it.
    pub fn after(self, known: f64, correct: bool) -> f64 {
        let (if_known, if_unknown) =
            if correct { (1.0 - self.slip, self.guess) } else { (self.slip, 1.0 - self.guess) };
        let posterior = known * if_known / (known * if_known + (1.0 - known) * if_unknown);
        posterior + (1.0 - posterior) * self.learn
    }

    /// P(known) before the first attempt and after each of them.
    pub fn trace(self, attempts: impl IntoIterator<Item = bool>) -> Vec<f64> {
        let mut known = vec![self.prior];
        known.extend(attempts.into_iter().scan(self.prior, |known, correct| {
            *known = self.after(*known, correct);
            Some(*known)
        }));
        known
    }

    /// The probability that the next attempt is right.
    pub fn next_correct(self, known: f64) -> f64 {
        known * (1.0 - self.slip) + (1.0 - known) * self.guess
    }

    fn validate(self, setting: &str) -> Result<(), ConfigError> {
        let Self { prior, learn, guess, slip } = self;
        let (setting, check) = (|name| format!("{setting}.{name}"), require);
        check(prior > 0.0 && prior < 1.0, setting("prior"), prior, "use a number over 0 and under 1")?;
        check((0.0..=1.0).contains(&learn), setting("learn"), learn, "use a number from 0 to 1")?;
        check(guess > 0.0, setting("guess"), guess, "use a number over 0")?;
        check(slip > 0.0, setting("slip"), slip, "use a number over 0")?;
        check(guess + slip < 1.0, setting("guess + slip"), guess + slip, "keep the sum under 1")
    }
}

/// The configuration of the knowledge estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KnowledgeConfig {
    /// Parameters of topics that have none of their own.
    pub default: BktParameters,
    /// Parameters by topic id.
    pub topics: BTreeMap<String, BktParameters>,
    /// The score from which an attempt at a quiz counts as right, 1 to 100; 70 by default.
    pub quiz_correct_from: u8,
    /// P(L0) of a topic at which the placement quiz put a student on learning, proficient or mastered; 0.5, 0.7 and
    /// 0.85 by default. Beginners, and whoever has not taken it, start from the topic's own, which is also the least.
    pub placed: [f64; 3],
}

impl Default for KnowledgeConfig {
    fn default() -> Self {
        let placed = [0.5, 0.7, 0.85];
        Self { default: BktParameters::default(), topics: BTreeMap::new(), quiz_correct_from: 70, placed }
    }
}

impl KnowledgeConfig {
    /// The parameters of a topic.
    pub fn parameters(&self, topic: &str) -> BktParameters {
        self.topics.get(topic).copied().unwrap_or(self.default)
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.default.validate("knowledge.default")?;
        for (topic, parameters) in &self.topics {
            parameters.validate(&format!("knowledge.topics.{topic}"))?;
        }
        let from = self.quiz_correct_from;
        require((1..=100).contains(&from), "knowledge.quiz_correct_from", from, "use a number from 1 to 100")?;
        let placed = self.placed;
        let sound = placed.is_sorted() && placed.iter().all(|known| *known > 0.0 && *known < 1.0);
        require(sound, "knowledge.placed", placed, "use numbers over 0 and under 1 that do not fall")
    }

    /// P(L0) for a student who was placed at this level.
    fn prior(&self, topic: &str, level: Level) -> f64 {
        let [learning, proficient, mastered] = self.placed;
        let own = self.parameters(topic).prior;
        match level {
            Level::Beginner => own,
            Level::Learning => own.max(learning),
            Level::Proficient => own.max(proficient),
            Level::Mastered => own.max(mastered),
        }
    }
}

/// What is believed about a student's knowledge of a topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Knowledge {
    /// Probability that the topic is known, 0 to 1.
    pub known: f64,
    /// Probability that the next attempt is right, 0 to 1.
    pub next_correct: f64,
    /// How many attempts this rests on.
    pub attempts: u32,
}

/// The knowledge estimate for a topic. Its attempts are the graded ones: a submission is right when it passed, a quiz
/// from the configured score on. Without any the estimate is the prior: that of the level at which the student was
/// placed last before the first attempt, else the topic's own.
pub fn knowledge(facts: &Facts, topic: &str, config: &KnowledgeConfig) -> Knowledge {
    let parameters = config.parameters(topic);
    let (known, count) = facts.on_topic(topic).fold((parameters.prior, 0), |(known, count), fact| {
        match (&fact.kind, attempt(fact, config.quiz_correct_from)) {
            (FactKind::Placement { level }, _) if count == 0 => (config.prior(topic, *level), 0),
            (_, Some(correct)) => (parameters.after(known, correct), count + 1),
            (_, None) => (known, count),
        }
    });
    Knowledge { known, next_correct: parameters.next_correct(known), attempts: count }
}

/// The level at which the placement quiz put the student last.
pub fn starting_level(facts: &Facts, topic: &str) -> Option<Level> {
    let placed = facts.on_topic(topic).filter_map(|fact| match fact.kind {
        FactKind::Placement { level } => Some(level),
        _ => None,
    });
    placed.last()
}

fn attempt(fact: &Fact, quiz_correct_from: u8) -> Option<bool> {
    match &fact.kind {
        FactKind::Submission(submission) => Some(submission.outcome == Outcome::Passed),
        FactKind::QuizAttempt { score } => Some(*score >= quiz_correct_from),
        _ => None,
    }
}
