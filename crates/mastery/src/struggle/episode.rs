use time::OffsetDateTime;
use uuid::Uuid;

use super::detect::{Detector, Signal};
use super::{Rule, StruggleConfig, minutes};
use crate::fact::{Fact, Facts};

/// A time of struggle, for which there is one alert.
///
/// It opens with the fact at which its rule first holds, and goes on while facts of the same kind come. It ends by a
/// success, when a teacher resolves it, or when nothing of the kind came for a while. After that the rule starts anew:
/// facts of an ended episode never speak for another one. Of a rule and topic, at most one is open at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// A version 5 UUID of student, rule, topic and the fact that opened it: computing it again gives the same id.
    pub id: Uuid,
    /// Which sign of struggle it is.
    pub rule: Rule,
    /// Topic id, when one is known.
    pub topic: Option<String>,
    /// The exercise of the fact that opened it, when it was about one.
    pub exercise: Option<String>,
    /// The error type of the fact that opened it, when it had one.
    pub error_type: Option<String>,
    /// When the rule first held.
    pub opened_at: OffsetDateTime,
    /// The last fact of the kind.
    pub last_at: OffsetDateTime,
    /// When and how it ended; `None` while it is open.
    pub closed: Option<(OffsetDateTime, Ending)>,
    /// Ids of the facts on which it opened, in the order of time.
    pub evidence: Vec<Uuid>,
    /// How many facts opened it and kept it going, at least 1.
    pub signs: usize,
}

/// How an episode ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// The student overcame it.
    Success,
    /// A teacher resolved it.
    Resolved,
    /// Nothing of the kind came for `quiet_minutes`.
    Quiet,
}

/// A teacher dealt with what a student struggled with. It ends the episode open at that time, and facts up to then no
/// longer speak for the rule. It names rule and topic rather than an episode, since a fact that comes late can change
/// with which fact an episode began.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resolution {
    /// When.
    pub at: OffsetDateTime,
    /// Of which rule.
    pub rule: Rule,
    /// On which topic.
    pub topic: Option<String>,
}

/// All episodes of one student's facts, open and closed, by their opening times. `resolutions` in any order.
pub fn episodes(
    student: Uuid,
    facts: &Facts,
    resolutions: &[Resolution],
    now: OffsetDateTime,
    config: &StruggleConfig,
) -> Vec<Episode> {
    let mut found = Vec::new();
    for topic in facts.topics().map(Some).chain([None]) {
        for rule in Rule::ALL {
            let matching = resolutions.iter().filter(|resolution| {
                let of_topic = resolution.topic.as_deref().filter(|topic| !topic.is_empty());
                resolution.rule == rule && of_topic == topic
            });
            let mut resolved: Vec<_> = matching.map(|resolution| resolution.at).collect();
            resolved.sort_unstable();
            let mut history = History { student, rule, topic, config, open: None, closed: Vec::new() };
            history.run(facts.on_topic(topic.unwrap_or_default()), &resolved, now);
            found.append(&mut history.closed);
            found.extend(history.open);
        }
    }
    found.sort_by_key(|episode| (episode.opened_at, episode.id));
    found
}

/// The episodes of one rule on one topic.
struct History<'a> {
    student: Uuid,
    rule: Rule,
    topic: Option<&'a str>,
    config: &'a StruggleConfig,
    open: Option<Episode>,
    closed: Vec<Episode>,
}

impl<'a> History<'a> {
    fn run(&mut self, facts: impl Iterator<Item = &'a Fact>, resolved: &[OffsetDateTime], now: OffsetDateTime) {
        let mut detector = Detector::new(self.rule, self.config);
        let mut resolved = resolved.iter().copied().peekable();
        for fact in facts {
            while let Some(at) = resolved.next_if(|at| *at < fact.at) {
                self.resolve(at, &mut detector);
            }
            self.end_if_quiet(fact.at, &mut detector);
            match detector.judge(fact, self.open.as_ref()) {
                Signal::None => {}
                Signal::Holds(evidence) => self.hold(fact, evidence),
                Signal::Continues => self.go_on(fact),
                Signal::Success => self.end(fact.at, Ending::Success, &mut detector),
            }
        }
        for at in resolved {
            self.resolve(at, &mut detector);
        }
        self.end_if_quiet(now, &mut detector);
    }

    fn hold(&mut self, fact: &Fact, evidence: Vec<Uuid>) {
        if self.open.is_some() {
            return self.go_on(fact);
        }
        let topic = self.topic.unwrap_or_default();
        let name = format!("{} {topic} {}", self.rule, fact.id);
        self.open = Some(Episode {
            id: Uuid::new_v5(&self.student, name.as_bytes()),
            rule: self.rule,
            topic: self.topic.map(str::to_owned),
            exercise: fact.kind.exercise().map(str::to_owned),
            error_type: fact.kind.run().and_then(|(_, error_type)| error_type.map(str::to_owned)),
            opened_at: fact.at,
            last_at: fact.at,
            closed: None,
            signs: evidence.len(),
            evidence,
        });
    }

    fn go_on(&mut self, fact: &Fact) {
        if let Some(episode) = &mut self.open {
            episode.last_at = fact.at;
            episode.signs += 1;
        }
    }

    fn resolve(&mut self, at: OffsetDateTime, detector: &mut Detector<'a>) {
        self.end_if_quiet(at, detector);
        self.end(at, Ending::Resolved, detector);
    }

    fn end_if_quiet(&mut self, now: OffsetDateTime, detector: &mut Detector<'a>) {
        let quiet = minutes(self.config.quiet_minutes);
        let over = self.open.as_ref().and_then(|episode| episode.last_at.checked_add(quiet)).filter(|at| *at <= now);
        if let Some(at) = over {
            self.end(at, Ending::Quiet, detector);
        }
    }

    fn end(&mut self, at: OffsetDateTime, ending: Ending, detector: &mut Detector<'a>) {
        if let Some(episode) = self.open.take() {
            self.closed.push(Episode { closed: Some((at, ending)), ..episode });
        }
        detector.forget();
    }
}
