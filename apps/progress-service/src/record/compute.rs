//! From a student's facts to their record: all of it anew, or what new facts change of it.

use std::collections::BTreeMap;

use learnflow_curriculum::Level;
use learnflow_mastery::{
    Config, Ending, Episode, Fact, Facts, Parts, Record, Resolution, StoredAlert, Streak, TopicMastery, TopicRecord,
    ZoneHistory, episodes, reconcile, record, topic_record,
};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::{
    derived::{AlertRow, Changed, Derived, Owner, Resolved, TopicRow},
    fact::micros,
};

/// Version of the computation: a change of what is computed from the same facts needs another.
const VERSION: u32 = 1;

/// Names all that a record depends on beside facts, resolutions and time: [`settings`], the student's zone and role.
pub fn basis(owner: &Owner, settings: &str) -> i64 {
    let Owner { zone, is_student, .. } = owner;
    let name = format!("{VERSION} {zone} {is_student} {settings}");
    i64::from_be_bytes(Uuid::new_v5(&Uuid::nil(), name.as_bytes()).as_u64_pair().0.to_be_bytes())
}

/// All settings, for [`basis`].
pub fn settings(config: &Config) -> String {
    format!("{config:?}")
}

/// Whose record is computed, when and how.
#[derive(Clone, Copy)]
pub struct Computation<'a> {
    /// The student.
    pub owner: &'a Owner,
    /// The moment.
    pub now: OffsetDateTime,
    /// How.
    pub config: &'a Config,
    /// [`basis`] of owner and configuration.
    pub basis: i64,
}

impl Computation<'_> {
    /// A zone that this build does not know must not cost a student their record.
    fn zones(&self) -> ZoneHistory {
        ZoneHistory::constant(&self.owner.zone).unwrap_or_default()
    }

    /// Computes everything from all facts. `alerts` are those raised so far: an episode keeps its alert.
    pub fn whole(&self, facts: &[Fact], resolved: &[Resolved], alerts: &BTreeMap<Uuid, AlertRow>) -> Derived {
        let &Self { owner, now, config, basis } = self;
        let (facts, zones) = (Facts::new(facts.iter().cloned()), self.zones());
        let resolutions: Vec<Resolution> = resolved.iter().map(|resolved| resolved.resolution.clone()).collect();
        let Record { streak, topics, episodes } = record(owner.id, &facts, &resolutions, &zones, now, config);
        let mut derived = Derived {
            basis,
            next_fact_at: facts.iter().map(|fact| fact.at).filter(|at| *at > now).min(),
            topics: topics.iter().map(|(topic, record)| (topic.clone(), topic_row(record))).collect(),
            alerts: if owner.is_student { reconciled(alerts, &episodes, resolved) } else { alerts.clone() },
            ..Derived::default()
        };
        self.finish(&mut derived, streak, &zones);
        derived
    }

    /// Whether the new facts change no more than their own topics and what hangs on the streak: then, what the streak
    /// becomes. `whole` is what is stored of the record as a whole.
    pub fn streak_after<'f>(&self, whole: &Derived, new: impl Iterator<Item = &'f Fact>) -> Option<Streak> {
        let &Self { now, basis, .. } = self;
        // Time has changed it, or something else than facts.
        if whole.basis != basis || whole.valid_until.is_some_and(|until| until <= now) {
            return None;
        }
        let streak = Streak {
            days: u32::try_from(whole.streak_days).ok()?,
            longest: u32::try_from(whole.longest_streak_days).ok()?,
            active_today: false,
            last_active: whole.last_active,
        };
        let zones = self.zones();
        let mut times = new.filter(|fact| fact.shows_activity() && fact.at <= now).map(|fact| fact.at);
        times.try_fold(streak, |streak, at| streak.with(at, &zones, now))
    }

    /// Computes what new facts change, given all facts on their topics: of no other topic does anything change but the
    /// part that the streak has in it. The same as [`Computation::whole`] from all facts.
    pub fn advance(&self, derived: &mut Derived, streak: Streak, new: &New<'_>) -> Changed {
        let &Self { owner, now, config, .. } = self;
        let mut changed = Changed::default();
        let before = derived.streak_days;
        let future = new.facts.iter().map(|fact| fact.at).filter(|at| *at > now);
        derived.next_fact_at = future.chain(derived.next_fact_at).min();
        for (topic, facts) in &new.topics {
            if !topic.is_empty() && facts.on_topic(topic).next().is_some() {
                let row = topic_row(&topic_record(facts, topic, streak.days, config));
                let before = derived.topics.get(topic);
                if before != Some(&row) {
                    changed.topic(topic, before.map(|row| row.level), row.level);
                    derived.topics.insert(topic.clone(), row);
                }
            }
            if owner.is_student {
                self.advance_alerts(derived, topic, facts, new.resolved, &mut changed);
            }
        }
        if before != number(streak.days) {
            for (topic, row) in &mut derived.topics {
                let [exercises, quizzes, code_quality, consistency] = row.parts;
                let parts = Parts { exercises, quizzes, code_quality, consistency };
                let mastery = TopicMastery::of(parts, &config.mastery).with_streak(streak.days, &config.mastery);
                if mastery.parts != parts {
                    changed.topic(topic, Some(row.level), mastery.level.as_str());
                    (row.mastery, row.level) = (mastery.mastery, mastery.level.as_str());
                    row.parts[3] = mastery.parts.consistency;
                }
            }
        }
        self.finish(derived, streak, &self.zones());
        changed
    }

    fn advance_alerts(
        &self,
        derived: &mut Derived,
        topic: &str,
        facts: &Facts,
        resolved: &[Resolved],
        changed: &mut Changed,
    ) {
        let of_topic = |other: Option<&str>| other.unwrap_or_default() == topic;
        let resolved: Vec<Resolved> =
            resolved.iter().filter(|resolved| of_topic(resolved.resolution.topic.as_deref())).cloned().collect();
        let resolutions: Vec<Resolution> = resolved.iter().map(|resolved| resolved.resolution.clone()).collect();
        let episodes = episodes(self.owner.id, facts, &resolutions, self.now, &self.config.struggle);
        let raised: BTreeMap<Uuid, AlertRow> = derived
            .alerts
            .iter()
            .filter(|(_, alert)| of_topic(alert.topic.as_deref()))
            .map(|(id, alert)| (*id, alert.clone()))
            .collect();
        for (id, alert) in reconciled(&raised, &episodes, &resolved) {
            if raised.get(&id) == Some(&alert) {
                continue;
            }
            if !raised.contains_key(&id) {
                changed.raised.push(id);
            }
            changed.alerts.push(id);
            derived.alerts.insert(id, alert);
        }
    }

    /// What is computed for the student as a whole.
    fn finish(&self, derived: &mut Derived, streak: Streak, zones: &ZoneHistory) {
        let &Self { owner, now, config, .. } = self;
        derived.streak_days = number(streak.days);
        derived.longest_streak_days = number(streak.longest);
        derived.last_active = streak.last_active;
        let lost = streak.last_active.filter(|_| streak.days > 0).and_then(|day| streak_ends(day, zones, now));
        let quiet = Duration::minutes(config.struggle.quiet_minutes.into());
        let open =
            derived.alerts.values().filter(|alert| owner.is_student && alert.ended.is_none() && !alert.withdrawn);
        let ends = open.map(|alert| alert.last_at + quiet);
        derived.valid_until = ends.chain(lost).chain(derived.next_fact_at).filter(|at| *at > now).min();
    }
}

/// What is new of a student.
pub struct New<'a> {
    /// The facts.
    pub facts: Vec<&'a Fact>,
    /// All facts by topic, of each topic that the new ones, or new resolutions, are about; those without a topic under the
    /// empty one.
    pub topics: BTreeMap<String, Facts>,
    /// All that teachers dealt with.
    pub resolved: &'a [Resolved],
}

fn topic_row(record: &TopicRecord) -> TopicRow {
    let TopicRecord { mastery, knowledge, review, measures, starting_level } = record;
    let parts = mastery.parts;
    TopicRow {
        mastery: mastery.mastery,
        level: mastery.level.as_str(),
        parts: [parts.exercises, parts.quizzes, parts.code_quality, parts.consistency],
        knowledge: knowledge.known,
        next_review_at: review.as_ref().map(|card| micros(card.due)),
        runs: number(measures.runs),
        error_quotient: measures.error_quotient,
        repeated_error_density: measures.repeated_error_density,
        tries: number(measures.wheel_spinning.tries),
        mastered_at_try: measures.wheel_spinning.mastered_at.map(number),
        starting_level: starting_level.map(Level::as_str),
    }
}

fn reconciled(
    alerts: &BTreeMap<Uuid, AlertRow>,
    episodes: &[Episode],
    resolved: &[Resolved],
) -> BTreeMap<Uuid, AlertRow> {
    let stored: Vec<StoredAlert> = alerts
        .iter()
        .map(|(id, alert)| StoredAlert {
            id: *id,
            rule: alert.rule,
            topic: alert.topic.clone(),
            opened_at: alert.opened_at,
            last_at: alert.last_at,
        })
        .collect();
    let reconciliation = reconcile(&stored, episodes);
    let withdrawn = reconciliation.withdraw.iter().filter_map(|id| {
        let alert = alerts.get(id)?.clone();
        Some((*id, AlertRow { withdrawn: true, ..alert }))
    });
    let raised = reconciliation.raise.iter().map(|episode| (episode.id, episode));
    let kept = reconciliation.update.iter().map(|(id, episode)| (*id, episode));
    raised.chain(kept).map(|(id, episode)| (id, alert_row(id, episode, resolved))).chain(withdrawn).collect()
}

fn alert_row(id: Uuid, episode: &Episode, resolved: &[Resolved]) -> AlertRow {
    let by_teacher = resolved.iter().find(|resolved| resolved.alert == id).map(|resolved| resolved.resolution.at);
    // What went quiet is still to be dealt with.
    let ended = episode.closed.filter(|(_, ending)| *ending != Ending::Quiet).map(|(at, _)| at);
    AlertRow {
        rule: episode.rule,
        topic: episode.topic.clone(),
        exercise: episode.exercise.clone(),
        error_type: episode.error_type.clone(),
        opened_at: episode.opened_at,
        last_at: episode.last_at,
        signs: number(episode.signs),
        ended: episode.closed,
        resolved_at: by_teacher.into_iter().chain(ended).min(),
        withdrawn: false,
    }
}

/// When a streak is lost if nothing happens: the second midnight after its last day.
fn streak_ends(last_active: Date, zones: &ZoneHistory, now: OffsetDateTime) -> Option<OffsetDateTime> {
    let lost = last_active.checked_add(Duration::days(2))?;
    // Wherever the student is, the day has begun there by the end of it in UTC.
    let (mut before, mut after) = (now.unix_timestamp(), lost.next_day()?.midnight().assume_utc().unix_timestamp());
    let date = |at: i64| OffsetDateTime::from_unix_timestamp(at).ok().map(|at| zones.date(at));
    while before + 1 < after {
        let middle = before.midpoint(after);
        if date(middle)? >= lost { after = middle } else { before = middle }
    }
    OffsetDateTime::from_unix_timestamp(after).ok()
}

fn number(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}
