//! What is computed from a student's facts, as it is stored.

use std::collections::BTreeMap;

use learnflow_mastery::{
    Config, Ending, Episode, Fact, Facts, Record, Resolution, Rule, StoredAlert, TopicRecord, ZoneHistory, reconcile,
    record,
};
use time::{Date, Duration, OffsetDateTime};
use uuid::Uuid;

use super::fact::micros;

/// All that is computed for one student.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derived {
    /// Days in a row up to now.
    pub streak_days: i32,
    /// The most days in a row ever.
    pub longest_streak_days: i32,
    /// The last day with activity, in the student's time zone.
    pub last_active: Option<Date>,
    /// When time alone will change any of this.
    pub valid_until: Option<OffsetDateTime>,
    /// By topic id.
    pub topics: BTreeMap<String, TopicRow>,
    /// By alert id.
    pub alerts: BTreeMap<Uuid, AlertRow>,
}

/// A row of the table `progress`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRow {
    /// 0 to 100.
    pub mastery: f64,
    /// Its word.
    pub level: &'static str,
    /// Exercises, quizzes, code quality, consistency, each 0 to 100; `None` when not yet attempted.
    pub parts: [Option<f64>; 4],
    /// 0 to 1.
    pub knowledge: f64,
    /// When to practise again.
    pub next_review_at: Option<OffsetDateTime>,
    /// Runs and submissions.
    pub runs: i32,
    /// Jadud's Error Quotient.
    pub error_quotient: f64,
    /// Becker's Repeated Error Density.
    pub repeated_error_density: f64,
    /// Submissions to exercises not solved before.
    pub tries: i32,
    /// The try that was the third right one in a row.
    pub mastered_at_try: Option<i32>,
}

/// A row of the table `alerts`, without what is told once, at its raising.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// The rule that holds.
    pub rule: Rule,
    /// Topic id.
    pub topic: Option<String>,
    /// The exercise it began with.
    pub exercise: Option<String>,
    /// The error it began with.
    pub error_type: Option<String>,
    /// The fact at which the rule first held.
    pub opened_at: OffsetDateTime,
    /// The last sign.
    pub last_at: OffsetDateTime,
    /// How many facts speak for it.
    pub signs: i32,
    /// When and how it ended.
    pub ended: Option<(OffsetDateTime, Ending)>,
    /// When a teacher dealt with it, or the student overcame it.
    pub resolved_at: Option<OffsetDateTime>,
    /// There was no such episode, in the light of what came later.
    pub withdrawn: bool,
}

/// A teacher dealt with an alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// The alert.
    pub alert: Uuid,
    /// What that means for its rule.
    pub resolution: Resolution,
}

/// Whose record it is.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The user's id.
    pub id: Uuid,
    /// IANA name of their time zone.
    pub zone: String,
    /// Teachers try exercises too, but nobody needs to be told how they fare.
    pub is_student: bool,
}

/// Computes a record at `now`. `alerts` are those raised so far: an episode keeps its alert.
pub fn derive(
    owner: &Owner,
    facts: &[Fact],
    resolved: &[Resolved],
    alerts: &BTreeMap<Uuid, AlertRow>,
    now: OffsetDateTime,
    config: &Config,
) -> Derived {
    // A zone that this build does not know must not cost a student their record.
    let zones = ZoneHistory::constant(&owner.zone).or_else(|_| ZoneHistory::constant("UTC"));
    let Ok(zones) = zones else { return Derived::default() };
    let facts = Facts::new(facts.iter().cloned());
    let resolutions: Vec<Resolution> = resolved.iter().map(|resolved| resolved.resolution.clone()).collect();
    let Record { streak, topics, episodes } = record(owner.id, &facts, &resolutions, &zones, now, config);
    let alerts = if owner.is_student { reconciled(alerts, &episodes, resolved) } else { alerts.clone() };
    let lost = streak.last_active.filter(|_| streak.days > 0).and_then(|day| streak_ends(day, &zones, now));
    let quiet = Duration::minutes(config.struggle.quiet_minutes.into());
    let ends = episodes.iter().filter(|episode| episode.closed.is_none()).map(|episode| episode.last_at + quiet);
    let future = facts.iter().map(|fact| fact.at);
    Derived {
        streak_days: number(streak.days),
        longest_streak_days: number(streak.longest),
        last_active: streak.last_active,
        valid_until: ends.chain(lost).chain(future).filter(|at| *at > now).min(),
        topics: topics.iter().map(|(topic, record)| (topic.clone(), topic_row(record))).collect(),
        alerts,
    }
}

fn topic_row(record: &TopicRecord) -> TopicRow {
    let TopicRecord { mastery, knowledge, review, measures } = record;
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

/// The word of an ending in the database and the API.
pub(super) fn ending_word(ending: Ending) -> &'static str {
    match ending {
        Ending::Success => "success",
        Ending::Resolved => "resolved",
        Ending::Quiet => "quiet",
    }
}

impl AlertRow {
    /// One sentence for the teacher.
    pub fn message(&self) -> String {
        let what = match self.rule {
            Rule::SameError => match &self.error_type {
                Some(error) => format!("ran into {error} {} times", self.signs),
                None => format!("ran into the same error {} times", self.signs),
            },
            Rule::ExerciseTimeout => "ran into the time limit of an exercise".to_owned(),
            Rule::NoPassingRun => "has been at one exercise for long without solving it".to_owned(),
            Rule::FailedQuiz => "did not pass a quiz".to_owned(),
            Rule::FailedRuns => format!("had {} runs in a row that did not work", self.signs),
            Rule::SaidStuck => "said they are stuck".to_owned(),
        };
        match &self.topic {
            Some(topic) => format!("The student {what} (topic {topic})."),
            None => format!("The student {what}."),
        }
    }
}
