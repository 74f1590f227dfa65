//! From a student's facts to their weeks.

use std::collections::{BTreeMap, BTreeSet};

use learnflow_mastery::{Fact, FactKind, Facts, MasteryConfig, Outcome, ZoneHistory, streak, topic_mastery};
use time::{Date, Duration, OffsetDateTime, Time};

/// A week with activity: a row of `weekly_aggregates`.
#[derive(Clone, Debug, PartialEq)]
pub struct Week {
    /// Its first day, in the student's time zone.
    pub monday: Date,
    /// 1 to 7.
    pub active_days: i16,
    /// Programs run outside grading, and those of them that did not end well.
    pub runs: i32,
    /// See `runs`.
    pub failed_runs: i32,
    /// Solutions graded, and those of them that passed.
    pub submissions: i32,
    /// See `submissions`.
    pub passed: i32,
    /// Attempts at quizzes.
    pub quiz_attempts: i32,
    /// Topics with activity.
    pub topics: i32,
    /// How often the student said they are stuck.
    pub said_stuck: i32,
    /// Sum of the mastery of all topics at the end of the week before.
    pub mastery_before: f64,
    /// The same at the end of this week, or now.
    pub mastery_after: f64,
}

/// The weeks with activity, in their order. What is said to happen after `now` does not count yet.
pub fn weeks(facts: &[Fact], zones: &ZoneHistory, now: OffsetDateTime, config: &MasteryConfig) -> Vec<Week> {
    let facts = Facts::new(facts.iter().filter(|fact| fact.at <= now).cloned());
    let mut by_week: BTreeMap<Date, Vec<&Fact>> = BTreeMap::new();
    for fact in facts.iter().filter(|fact| fact.shows_activity()) {
        by_week.entry(monday(zones.date(fact.at))).or_default().push(fact);
    }
    let mut weeks: Vec<Week> = Vec::with_capacity(by_week.len());
    for (monday, of_week) in by_week {
        let before = weeks.last().filter(|last| last.monday + Duration::WEEK == monday);
        let mastery_before = match before {
            Some(last) => last.mastery_after,
            None => mastery(&facts, monday - Duration::DAY, zones, now, config),
        };
        let mastery_after = mastery(&facts, monday + 6 * Duration::DAY, zones, now, config);
        weeks.push(Week { mastery_before, mastery_after, ..counts(monday, &of_week, zones) });
    }
    weeks
}

fn counts(monday: Date, facts: &[&Fact], zones: &ZoneHistory) -> Week {
    let count = |is: &dyn Fn(&FactKind) -> bool| number(facts.iter().filter(|fact| is(&fact.kind)).count());
    let days: BTreeSet<Date> = facts.iter().map(|fact| zones.date(fact.at)).collect();
    let topics: BTreeSet<&str> = facts.iter().filter_map(|fact| fact.topic.as_deref()).collect();
    Week {
        monday,
        active_days: i16::try_from(days.len()).unwrap_or(7),
        runs: count(&|kind| matches!(kind, FactKind::CodeRun(_))),
        failed_runs: count(&|kind| matches!(kind, FactKind::CodeRun(run) if run.outcome != Outcome::Passed)),
        submissions: count(&|kind| matches!(kind, FactKind::Submission(_))),
        passed: count(&|kind| matches!(kind, FactKind::Submission(graded) if graded.outcome == Outcome::Passed)),
        quiz_attempts: count(&|kind| matches!(kind, FactKind::QuizAttempt { .. })),
        topics: number(topics.len()),
        said_stuck: count(&|kind| matches!(kind, FactKind::SaidStuck)),
        mastery_before: 0.0,
        mastery_after: 0.0,
    }
}

/// The mastery of all topics together at the end of a day, or now if it has not ended.
fn mastery(facts: &Facts, day: Date, zones: &ZoneHistory, now: OffsetDateTime, config: &MasteryConfig) -> f64 {
    let until = Facts::new(facts.iter().take_while(|fact| zones.date(fact.at) <= day).cloned());
    let at = if zones.date(now) <= day {
        now
    } else {
        // Any time of the day will do, if nothing happened after it.
        let last = until.iter().last().map(|fact| fact.at);
        last.filter(|at| zones.date(*at) == day).unwrap_or_else(|| within(day, zones))
    };
    let days = streak(until.active_at(), zones, at).days;
    // Not `sum`: of nothing it is -0.0, which clients would see.
    until.topics().fold(0.0, |sum, topic| sum + topic_mastery(&until, topic, days, config).mastery)
}

/// A moment of a student's day: noon in Greenwich is on the same day everywhere but in the far east, where midnight is.
fn within(day: Date, zones: &ZoneHistory) -> OffsetDateTime {
    let noon = day.with_time(Time::MIDNIGHT).assume_utc() + 12 * Duration::HOUR;
    if zones.date(noon) == day { noon } else { noon - 12 * Duration::HOUR }
}

fn monday(day: Date) -> Date {
    day - Duration::days(day.weekday().number_days_from_monday().into())
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use learnflow_curriculum::Difficulty;
    use learnflow_mastery::{CodeRun, Submission};
    use time::format_description::well_known::{Iso8601, Rfc3339};
    use uuid::Uuid;

    use super::*;

    fn fact(at: OffsetDateTime, topic: Option<&str>, kind: FactKind) -> Fact {
        Fact { id: Uuid::now_v7(), at, topic: topic.map(ToOwned::to_owned), kind }
    }

    fn at(text: &str) -> OffsetDateTime {
        OffsetDateTime::parse(text, &Rfc3339).unwrap()
    }

    fn day(text: &str) -> Date {
        Date::parse(text, &Iso8601::DATE).unwrap()
    }

    fn solved(exercise: &str) -> FactKind {
        FactKind::Submission(Submission {
            exercise: exercise.to_owned(),
            difficulty: Difficulty::Hard,
            outcome: Outcome::Passed,
            score: 100,
            error_type: None,
            seconds: None,
        })
    }

    fn run(outcome: Outcome) -> FactKind {
        FactKind::CodeRun(CodeRun { exercise: None, outcome, error_type: None })
    }

    /// FR-025..028: a week is Monday to Sunday where the student is; the order of facts makes no difference; mastery goes
    /// on from where it was, less what a lost streak costs.
    #[test]
    fn weeks_are_those_of_the_student() {
        let config = MasteryConfig::default();
        let mut facts = vec![
            // Sunday evening in New York is Monday in Greenwich.
            fact(at("2026-11-16T03:00:00Z"), Some("lists"), solved("a")),
            fact(at("2026-11-16T03:01:00Z"), None, run(Outcome::Error)),
            fact(at("2026-11-18T15:00:00Z"), Some("loops"), solved("b")),
            fact(at("2026-11-19T15:00:00Z"), None, run(Outcome::Passed)),
            fact(at("2026-11-19T15:01:00Z"), Some("loops"), FactKind::QuizAttempt { score: 90 }),
            fact(at("2026-11-19T15:02:00Z"), None, FactKind::SaidStuck),
            // Somebody else's work, at a time when the student did nothing.
            fact(at("2026-11-26T15:00:00Z"), Some("loops"), FactKind::CodeReview { rating: 80 }),
        ];
        let now = at("2026-12-01T12:00:00Z");
        let new_york = ZoneHistory::constant("America/New_York").unwrap();
        let found = weeks(&facts, &new_york, now, &config);
        assert_eq!(found.iter().map(|week| week.monday).collect::<Vec<_>>(), [day("2026-11-09"), day("2026-11-16")]);
        let first = Week {
            monday: day("2026-11-09"),
            active_days: 1,
            runs: 1,
            failed_runs: 1,
            submissions: 1,
            passed: 1,
            quiz_attempts: 0,
            topics: 1,
            said_stuck: 0,
            mastery_before: 0.0,
            mastery_after: 0.4 * 100.0 / 3.0 + 0.1 * 100.0 / 7.0,
        };
        assert!((found[0].mastery_after - first.mastery_after).abs() < 1e-9, "{:?}", found[0]);
        assert_eq!(found[0], Week { mastery_after: found[0].mastery_after, ..first });
        assert!(found[0].mastery_before.is_sign_positive());
        let second = &found[1];
        assert_eq!((second.active_days, second.runs, second.failed_runs, second.said_stuck), (2, 1, 0, 1));
        assert_eq!((second.submissions, second.quiz_attempts, second.topics), (1, 1, 1));
        assert_eq!(second.mastery_before.to_bits(), found[0].mastery_after.to_bits());
        // By Sunday the streak of Wednesday and Thursday is lost.
        assert!((second.mastery_after - (2.0 * 0.4 * 100.0 / 3.0 + 0.3 * 90.0)).abs() < 1e-9, "{second:?}");

        facts.reverse();
        facts.extend(facts.clone());
        assert_eq!(weeks(&facts, &new_york, now, &config), found);
        let far_east = weeks(&facts, &ZoneHistory::constant("Pacific/Kiritimati").unwrap(), now, &config);
        assert_eq!(far_east.iter().map(|week| week.monday).collect::<Vec<_>>(), [day("2026-11-16")]);
        // On Friday the week is not over, and the streak not lost.
        let friday = weeks(&facts, &new_york, at("2026-11-20T12:00:00Z"), &config);
        assert!(friday[1].mastery_after > second.mastery_after);
    }
}
