//! What holds for every history. FR-025..028, FR-037.

#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::{BTreeMap, HashSet};

use learnflow_curriculum::{Difficulty, Level};
use learnflow_mastery::{
    CodeRun, Config, Fact, FactKind, Facts, MasteryConfig, Outcome, Record, Resolution, Rule, StoredAlert,
    StruggleConfig, Submission, ZoneHistory, episodes, reconcile, record, topic_mastery,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use support::{STUDENT, minute};
use uuid::Uuid;

const TOPIC: &str = "loops";

fn outcome() -> impl Strategy<Value = Outcome> {
    select(&[Outcome::Passed, Outcome::Failed, Outcome::Error, Outcome::Error, Outcome::TimedOut])
}

fn exercise() -> impl Strategy<Value = String> {
    select(&["a", "b", "c", "d"]).prop_map(str::to_owned)
}

fn error_type() -> impl Strategy<Value = Option<String>> {
    option::of(select(&["NameError", "TypeError"]).prop_map(str::to_owned))
}

fn submission() -> impl Strategy<Value = FactKind> {
    let difficulty = select(&[Difficulty::Easy, Difficulty::Medium, Difficulty::Hard]);
    (exercise(), difficulty, outcome(), 0_u8..=100, error_type(), option::of(0_u32..5000)).prop_map(
        |(exercise, difficulty, outcome, score, error_type, seconds)| {
            FactKind::Submission(Submission { exercise, difficulty, outcome, score, error_type, seconds })
        },
    )
}

fn kind() -> impl Strategy<Value = FactKind> {
    let run = (option::of(exercise()), outcome(), error_type())
        .prop_map(|(exercise, outcome, error_type)| FactKind::CodeRun(CodeRun { exercise, outcome, error_type }));
    prop_oneof![
        4 => submission(),
        4 => run,
        1 => (0_u8..=100).prop_map(|score| FactKind::QuizAttempt { score }),
        1 => (0_u8..=100).prop_map(|rating| FactKind::CodeReview { rating }),
        1 => Just(FactKind::SaidStuck),
        1 => select(&Level::ALL).prop_map(|level| FactKind::Placement { level }),
        2 => option::of(exercise()).prop_map(|exercise| FactKind::Activity { exercise }),
    ]
}

/// Up to sixty facts, minutes to days apart, some at the same time, on two topics and none.
fn history() -> impl Strategy<Value = Vec<Fact>> {
    let topic = select(&[Some(TOPIC), Some(TOPIC), Some("lists"), None]);
    let pause = prop_oneof![8 => 0_i64..20, 1 => 0_i64..3000];
    vec((pause, topic, kind(), any::<u128>()), 0..60).prop_map(|facts| {
        let mut minutes = 0;
        let fact = |(pause, topic, kind, id): (i64, Option<&str>, FactKind, u128)| {
            minutes += pause;
            Fact { id: Uuid::from_u128(id), at: minute(minutes), topic: topic.map(str::to_owned), kind }
        };
        facts.into_iter().map(fact).collect()
    })
}

fn resolutions() -> impl Strategy<Value = Vec<Resolution>> {
    let topic = select(&[Some(TOPIC), Some("lists"), None]);
    vec((0_i64..3000, select(&Rule::ALL), topic), 0..8).prop_map(|resolutions| {
        let resolution = |(minutes, rule, topic): (i64, Rule, Option<&str>)| Resolution {
            at: minute(minutes),
            rule,
            topic: topic.map(str::to_owned),
        };
        resolutions.into_iter().map(resolution).collect()
    })
}

/// A history, and the same as it may be delivered: in another order, parts of it twice.
fn deliveries() -> impl Strategy<Value = (Vec<Fact>, Vec<Fact>)> {
    history().prop_flat_map(|facts| {
        let again = if facts.is_empty() { Just(Vec::new()).boxed() } else { vec(select(facts.clone()), 0..20).boxed() };
        again.prop_flat_map(move |again| {
            let delivered = [facts.clone(), again].concat();
            (Just(facts.clone()), Just(delivered).prop_shuffle())
        })
    })
}

fn computed(facts: Vec<Fact>, resolutions: &[Resolution], now: i64) -> Record {
    let zones = ZoneHistory::constant("Europe/Berlin").unwrap();
    record(STUDENT, &Facts::new(facts), resolutions, &zones, minute(now), &Config::default())
}

fn mastery(facts: &[Fact], streak_days: u32) -> learnflow_mastery::TopicMastery {
    topic_mastery(&Facts::new(facts.to_vec()), TOPIC, streak_days, &MasteryConfig::default())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Order of delivery and duplicates change nothing, of anything.
    #[test]
    fn delivery_makes_no_difference(
        (facts, delivered) in deliveries(),
        (resolved, shuffled) in resolutions().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        now in 0_i64..5000,
    ) {
        prop_assert_eq!(computed(facts, &resolved, now), computed(delivered, &shuffled, now));
    }

    /// One id with two contents, whatever comes first, is one fact with one of them.
    #[test]
    fn contradictions_are_settled_the_same_way(facts in history(), other in history(), together in any::<bool>()) {
        let twin = |(fact, other): (&Fact, Fact)| {
            Fact { id: fact.id, at: if together { fact.at } else { other.at }, ..other }
        };
        let twins: Vec<Fact> = facts.iter().zip(other).map(twin).collect();
        let one = [facts.clone(), twins.clone()].concat();
        let two = [twins, facts].concat();
        prop_assert_eq!(computed(one, &[], 3000), computed(two, &[], 3000));
    }

    /// Percentages stay percentages, probabilities probabilities; a review is due after it was made.
    #[test]
    fn everything_stays_in_range(facts in history(), now in 0_i64..5000) {
        for topic in computed(facts, &[], now).topics.into_values() {
            let parts = topic.mastery.parts;
            let parts = [parts.exercises, parts.quizzes, parts.code_quality, parts.consistency];
            for percentage in parts.into_iter().flatten().chain([topic.mastery.mastery]) {
                prop_assert!((0.0..=100.0).contains(&percentage), "{:?}", topic.mastery);
            }
            let knowledge = topic.knowledge;
            prop_assert!((0.0..=1.0).contains(&knowledge.known) && (0.0..=1.0).contains(&knowledge.next_correct));
            prop_assert!((0.0..=1.0).contains(&topic.measures.error_quotient));
            if let Some(card) = topic.review {
                prop_assert!(card.due > card.last_review && (1.0..=10.0).contains(&card.difficulty));
            }
        }
    }

    /// One more submission or quiz, however bad, never lowers mastery; neither does a longer streak.
    #[test]
    fn trying_never_lowers_mastery(
        facts in history(),
        attempt in prop_oneof![submission(), (0_u8..=100).prop_map(|score| FactKind::QuizAttempt { score })],
        minutes in 0_i64..5000,
        id in any::<u128>(),
        streak in 0_u32..10,
    ) {
        let before = mastery(&facts, streak);
        let attempt = Fact { id: Uuid::from_u128(id), at: minute(minutes), topic: Some(TOPIC.into()), kind: attempt };
        let after = mastery(&[facts.clone(), vec![attempt]].concat(), streak);
        prop_assert!(after.mastery >= before.mastery, "{before:?} {after:?}");
        prop_assert!(mastery(&facts, streak + 1).mastery >= before.mastery);
    }

    /// A better rating in place of a worse one never lowers code quality.
    #[test]
    fn better_code_never_lowers_quality(ratings in vec(0_u8..=100, 1..20), index in any::<prop::sample::Index>()) {
        let quality = |ratings: &[u8]| {
            let review = |(minutes, rating): (i64, &u8)| support::fact(minutes, FactKind::CodeReview { rating: *rating });
            mastery(&(0..).zip(ratings).map(review).collect::<Vec<_>>(), 0).parts.code_quality.unwrap()
        };
        let mut better = ratings.clone();
        *index.get_mut(&mut better) = 100;
        prop_assert!(quality(&better) >= quality(&ratings));
    }

    /// Of a rule and topic one episode ends before the next begins; what they rest on are facts of that topic, none in
    /// two of them; ids are unique.
    #[test]
    fn episodes_never_overlap(facts in history(), resolved in resolutions(), now in 0_i64..5000) {
        let topics: BTreeMap<Uuid, Option<String>> = facts.iter().map(|fact| (fact.id, fact.topic.clone())).collect();
        let found = computed(facts, &resolved, now).episodes;
        let ids: HashSet<Uuid> = found.iter().map(|episode| episode.id).collect();
        prop_assert_eq!(ids.len(), found.len());
        let mut by_rule: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for episode in &found {
            by_rule.entry((episode.rule, episode.topic.clone())).or_default().push(episode);
        }
        for ((_, topic), episodes) in by_rule {
            let mut used = HashSet::new();
            for episode in &episodes {
                prop_assert!(episode.opened_at <= episode.last_at);
                prop_assert!(episode.closed.is_none_or(|(end, _)| episode.last_at <= end));
                for fact in &episode.evidence {
                    prop_assert_eq!(topics.get(fact), Some(&topic));
                    prop_assert!(used.insert(*fact), "a fact counts twice: {:?}", episode);
                }
            }
            for pair in episodes.windows(2) {
                prop_assert!(pair[0].closed.is_some_and(|(end, _)| end <= pair[1].opened_at), "{:?}", pair);
            }
        }
    }

    /// Resolving what is open ends exactly that, as the same episodes; what comes later can open new ones.
    #[test]
    fn a_resolution_ends_the_open_episode(facts in history()) {
        let last = facts.last().map_or(0, |fact| (fact.at - support::START).whole_minutes());
        let open = computed(facts.clone(), &[], last).episodes;
        let resolve = |rule, topic| Resolution { at: minute(last), rule, topic };
        let resolutions: Vec<_> = open.iter().map(|episode| resolve(episode.rule, episode.topic.clone())).collect();
        let resolved = computed(facts, &resolutions, last).episodes;
        prop_assert!(resolved.iter().all(|episode| episode.closed.is_some()));
        let ids = |episodes: &[learnflow_mastery::Episode]| episodes.iter().map(|e| e.id).collect::<Vec<_>>();
        prop_assert_eq!(ids(&open), ids(&resolved));
    }

    /// Facts delivered in any order, in portions, with alerts raised after each: in the end there is one alert for each
    /// episode, and no other.
    #[test]
    fn alerts_follow_episodes((_, delivered) in deliveries(), portion in 1_usize..10) {
        let mut stored: Vec<StoredAlert> = Vec::new();
        let mut known: Vec<Fact> = Vec::new();
        let mut last = Vec::new();
        for portion in delivered.chunks(portion) {
            known.extend_from_slice(portion);
            let facts = Facts::new(known.clone());
            last = episodes(STUDENT, &facts, &[], minute(5000), &StruggleConfig::default());
            let found = reconcile(&stored, &last);
            prop_assert_eq!(found.update.len() + found.withdraw.len(), stored.len());
            let alerts: Vec<_> = found.raise.into_iter().map(|episode| (episode.id, episode)).chain(found.update).collect();
            stored = alerts
                .into_iter()
                .map(|(id, e)| StoredAlert { id, rule: e.rule, topic: e.topic, opened_at: e.opened_at, last_at: e.last_at })
                .collect();
        }
        let ids: HashSet<Uuid> = stored.iter().map(|alert| alert.id).collect();
        prop_assert_eq!(ids.len(), last.len());
        let mut alerts: Vec<_> = stored.into_iter().map(|alert| (alert.opened_at, alert.rule, alert.topic)).collect();
        let mut expected: Vec<_> = last.into_iter().map(|e| (e.opened_at, e.rule, e.topic)).collect();
        alerts.sort();
        expected.sort();
        prop_assert_eq!(alerts, expected);
    }
}
