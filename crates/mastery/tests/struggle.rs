//! The rules of FR-037: when an episode opens, what keeps it open, what ends it, and that alerts follow episodes.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use learnflow_curriculum::Difficulty;
use learnflow_mastery::{
    Ending, Episode, Fact, FactKind, Facts, Outcome, Resolution, Rule, StoredAlert, StruggleConfig, Submission,
    episodes, reconcile,
};
use support::{STUDENT, error, fact, graded, minute, opened, quiz, run, submission};
use uuid::Uuid;

const DAY: i64 = 24 * 60;

fn history(facts: &[(i64, FactKind)]) -> Vec<Fact> {
    facts.iter().map(|(minutes, kind)| fact(*minutes, kind.clone())).collect()
}

/// The episodes of one rule, as seen at a minute.
fn seen(rule: Rule, facts: Vec<Fact>, resolved: &[i64], now: i64) -> Vec<Episode> {
    let resolution = |minutes: &i64| Resolution { at: minute(*minutes), rule, topic: Some("loops".into()) };
    let resolutions: Vec<_> = resolved.iter().map(resolution).collect();
    let mut found = episodes(STUDENT, &Facts::new(facts), &resolutions, minute(now), &StruggleConfig::default());
    found.retain(|episode| episode.rule == rule);
    found
}

/// Minutes at which episodes opened, and how those that ended did.
fn outline(found: &[Episode]) -> Vec<(i64, Option<(i64, Ending)>)> {
    let since = |at: time::OffsetDateTime| (at - support::START).whole_minutes();
    found.iter().map(|e| (since(e.opened_at), e.closed.map(|(at, ending)| (since(at), ending)))).collect()
}

/// Three errors of one type within the hour; a fourth joins the episode; solving an exercise ends it; then it takes three
/// again.
#[test]
fn same_error_three_times() {
    let facts = history(&[
        (0, error("NameError")),
        (1, error("TypeError")),
        (2, error("NameError")),
        (50, error("NameError")),
        (55, error("NameError")),
        (60, submission("a", 100)),
        (61, error("NameError")),
        (62, error("NameError")),
    ]);
    let found = seen(Rule::SameError, facts.clone(), &[], 100);
    assert_eq!(outline(&found), [(50, Some((60, Ending::Success)))]);
    assert_eq!(found[0].error_type.as_deref(), Some("NameError"));
    assert_eq!((found[0].evidence.len(), found[0].signs), (3, 4));
    assert_eq!(found[0].last_at, minute(55));

    let third = [facts, history(&[(63, error("NameError"))])].concat();
    assert_eq!(outline(&seen(Rule::SameError, third, &[], 100))[1..], [(63, None)]);
    let slow = (0..3).chain([90]).map(|minutes| (minutes, error("NameError"))).collect::<Vec<_>>();
    assert_eq!(seen(Rule::SameError, history(&slow), &[], 100)[0].last_at, minute(90), "it goes on, however slowly");
    let spread = history(&[(0, error("NameError")), (40, error("NameError")), (80, error("NameError"))]);
    assert_eq!(seen(Rule::SameError, spread, &[], 100), []);
}

/// A time-out on an exercise, once; solving another exercise doesn't end it, solving this one does.
#[test]
fn time_out_on_an_exercise() {
    let time_out = || graded("a", Difficulty::Easy, Outcome::TimedOut, 0, None);
    let facts = history(&[
        (0, run(None, Outcome::TimedOut, None)),
        (1, time_out()),
        (2, time_out()),
        (3, submission("b", 100)),
        (4, submission("a", 100)),
    ]);
    let found = seen(Rule::ExerciseTimeout, facts, &[], 10);
    assert_eq!(outline(&found), [(1, Some((4, Ending::Success)))]);
    assert_eq!(found[0].exercise.as_deref(), Some("a"));
}

/// More than ten minutes at one exercise in one sitting; a night in between is a new sitting, and what was solved no
/// longer counts.
#[test]
fn ten_minutes_without_a_passing_run() {
    let sitting = history(&[(0, opened("a")), (10, submission("a", 50)), (11, run(Some("a"), Outcome::Passed, None))]);
    assert_eq!(outline(&seen(Rule::NoPassingRun, sitting[..2].to_vec(), &[], 20)), []);
    assert_eq!(outline(&seen(Rule::NoPassingRun, sitting, &[], 20)), [(11, None)]);

    let overnight = history(&[(0, opened("a")), (9, submission("a", 50)), (DAY, opened("a")), (DAY + 9, opened("a"))]);
    assert_eq!(seen(Rule::NoPassingRun, overnight, &[], DAY + 20), []);

    let solved = history(&[(0, opened("a")), (9, submission("a", 100)), (12, opened("a")), (25, submission("a", 0))]);
    assert_eq!(seen(Rule::NoPassingRun, solved, &[], 30), []);

    let told = FactKind::Submission(Submission {
        exercise: "a".into(),
        difficulty: Difficulty::Easy,
        outcome: Outcome::Failed,
        score: 0,
        error_type: None,
        seconds: Some(601),
    });
    assert_eq!(outline(&seen(Rule::NoPassingRun, history(&[(20, told)]), &[], 30)), [(20, None)]);
}

/// A quiz below 50 %; 50 ends it.
#[test]
fn failed_quiz() {
    let facts = history(&[(0, quiz(50)), (5, quiz(49)), (9, quiz(20)), (12, submission("a", 100)), (20, quiz(50))]);
    assert_eq!(outline(&seen(Rule::FailedQuiz, facts, &[], 30)), [(5, Some((20, Ending::Success)))]);
}

/// Five failed runs in a row: submissions count too, a run that passes begins the row anew.
#[test]
fn five_failed_runs_in_a_row() {
    let failed = |minutes| (minutes, error("NameError"));
    let passed = (5, run(None, Outcome::Passed, None));
    let broken = [failed(1), failed(2), failed(3), failed(4), passed, failed(6)];
    assert_eq!(seen(Rule::FailedRuns, history(&broken), &[], 60), []);
    let row = [failed(1), failed(2), (3, submission("a", 99)), failed(4), failed(7), failed(8)];
    let found = seen(Rule::FailedRuns, history(&row), &[], 60);
    assert_eq!(outline(&found), [(7, None)]);
    assert_eq!((found[0].evidence.len(), found[0].signs), (5, 6));
}

/// The student says so; the teacher resolves it; said again it is another episode, which ends when it stays quiet.
#[test]
fn said_stuck_resolved_and_said_again() {
    let facts = history(&[(0, FactKind::SaidStuck), (3, FactKind::SaidStuck), (9, FactKind::SaidStuck)]);
    let found = seen(Rule::SaidStuck, facts.clone(), &[5], 9 + DAY - 1);
    assert_eq!(outline(&found), [(0, Some((5, Ending::Resolved))), (9, None)]);
    assert_ne!(found[0].id, found[1].id);
    let later = seen(Rule::SaidStuck, facts, &[5], 9 + DAY);
    assert_eq!(outline(&later)[1], (9, Some((9 + DAY, Ending::Quiet))));
    assert_eq!(later[1].id, found[1].id);
}

/// What a teacher has dealt with is not held against the student again.
#[test]
fn facts_before_a_resolution_no_longer_count() {
    let facts = history(&[(0, error("E")), (1, error("E")), (2, error("E")), (4, error("E")), (5, error("E"))]);
    assert_eq!(outline(&seen(Rule::SameError, facts, &[3], 9)), [(2, Some((3, Ending::Resolved)))]);
}

/// Topics are apart, and facts without a topic are looked at together.
#[test]
fn each_topic_has_its_own_episodes() {
    let mut facts = history(&[(0, error("E")), (1, error("E")), (2, error("E"))]);
    facts[1].topic = Some("lists".into());
    assert_eq!(seen(Rule::SameError, facts.clone(), &[], 9), []);
    for fact in &mut facts {
        fact.topic = None;
    }
    assert_eq!(seen(Rule::SameError, facts, &[], 9).len(), 1);
}

/// A fact that comes late moves the beginning of an episode, and its id. The alert raised before stays the only one.
#[test]
fn a_late_fact_raises_no_second_alert() {
    let facts = history(&[(1, error("E")), (2, error("E")), (3, error("E"))]);
    let before = seen(Rule::SameError, facts.clone(), &[], 9);
    let raised = reconcile(&[], &before).raise;
    assert_eq!(raised, before);
    let stored: Vec<_> = raised.iter().map(|episode| stored(episode.id, episode)).collect();

    let late = [facts, history(&[(0, error("E"))])].concat();
    let after = seen(Rule::SameError, late, &[], 9);
    assert_ne!(after[0].id, before[0].id);
    let found = reconcile(&stored, &after);
    assert_eq!((found.raise, found.withdraw), (vec![], vec![]));
    assert_eq!(found.update, [(before[0].id, after[0].clone())]);

    // A late success shows that there was no struggle.
    let success = history(&[(1, error("E")), (2, error("E")), (2, submission("a", 100)), (3, error("E"))]);
    let success = (0_u128..).zip(success).map(|(id, fact)| Fact { id: Uuid::from_u128(id), ..fact }).collect();
    assert_eq!(reconcile(&stored, &seen(Rule::SameError, success, &[], 9)).withdraw, [before[0].id]);
}

/// Facts of one instant have an order too: whichever comes first, the same one opens the episode.
#[test]
fn facts_at_one_time_are_ordered_by_id() {
    let twin = |id| Fact { id: Uuid::from_u128(id), ..fact(0, FactKind::SaidStuck) };
    let found = seen(Rule::SaidStuck, vec![twin(2), twin(1)], &[], 9);
    assert_eq!(found, seen(Rule::SaidStuck, vec![twin(1), twin(2)], &[], 9));
    assert_eq!(found[0].evidence, [Uuid::from_u128(1)]);
}

/// The names stored with alerts read back.
#[test]
fn rules_have_names() {
    for rule in Rule::ALL {
        assert_eq!(rule.as_str().parse(), Ok(rule));
    }
    assert!("bored".parse::<Rule>().unwrap_err().to_string().contains("said_stuck"));
}

fn stored(id: Uuid, episode: &Episode) -> StoredAlert {
    let Episode { rule, topic, opened_at, last_at, .. } = episode.clone();
    StoredAlert { id, rule, topic, opened_at, last_at }
}
