//! Mastery, its configuration, the published measures, and how facts feed the estimates. FR-025..028.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may fail; the numbers are meant exactly")]

mod support;

use learnflow_curriculum::{Difficulty, Level};
use learnflow_mastery::{
    BktParameters, Config, Facts, MasteryConfig, Outcome, Parts, Rating, ReviewConfig, StruggleConfig, Weights,
    error_quotient, knowledge, level, measures, module_mastery, next_review, repeated_error_density, reviews,
    topic_mastery, wheel_spinning,
};
use support::{error, fact, graded, minute, quiz, run, submission};
use time::Duration;

/// Makes a setting wrong.
type Change = fn(&mut Config);

fn facts(kinds: impl IntoIterator<Item = learnflow_mastery::FactKind>) -> Facts {
    (0..).zip(kinds).map(|(minutes, kind)| fact(minutes, kind)).collect()
}

/// 40 % exercises + 30 % quizzes + 20 % code quality + 10 % consistency, each part as documented.
#[test]
fn mastery_is_the_weighted_sum_of_its_parts() {
    let facts = facts([
        // The best score of each exercise counts: 50 x 1, 100 x 0.8, 100 x 0.6; the fourth isn't among the best three.
        submission("a", 20),
        submission("a", 50),
        submission("a", 40),
        graded("b", Difficulty::Medium, Outcome::Passed, 100, None),
        graded("c", Difficulty::Easy, Outcome::Passed, 100, None),
        graded("d", Difficulty::Easy, Outcome::Failed, 30, None),
        quiz(80),
        quiz(60),
        learnflow_mastery::FactKind::CodeReview { rating: 50 },
        learnflow_mastery::FactKind::CodeReview { rating: 100 },
    ]);
    let found = topic_mastery(&facts, "loops", 3, &MasteryConfig::default());

    let quality = (0.7 * 50.0 + 100.0) / 1.7;
    assert!((found.parts.exercises.unwrap() - 190.0 / 3.0).abs() < 1e-9, "{found:?}");
    assert_eq!(found.parts.quizzes, Some(80.0));
    assert!((found.parts.code_quality.unwrap() - quality).abs() < 1e-9, "{found:?}");
    assert_eq!(found.parts.consistency, Some(300.0 / 7.0));
    let expected = 0.4 * 190.0 / 3.0 + 0.3 * 80.0 + 0.2 * quality + 0.1 * 300.0 / 7.0;
    assert!((found.mastery - expected).abs() < 1e-9, "{found:?}");
    assert_eq!(found.level, Level::Learning);
}

/// A part not yet attempted counts 0 and says so; a topic without facts has no part at all, whatever the streak.
#[test]
fn a_part_not_attempted_is_absent() {
    let config = MasteryConfig::default();
    let found = topic_mastery(&facts([quiz(0)]), "loops", 7, &config);
    assert_eq!(found.parts, Parts { quizzes: Some(0.0), consistency: Some(100.0), ..Parts::default() });
    assert_eq!(found.mastery, 10.0);

    let untouched = topic_mastery(&facts([quiz(100)]), "lists", 7, &config);
    assert_eq!((untouched.mastery, untouched.parts), (0.0, Parts::default()));
}

/// Everything perfect is 100: the formula has no dead corner.
#[test]
fn perfect_work_is_100() {
    let facts = facts([
        submission("a", 100),
        submission("b", 100),
        submission("c", 100),
        quiz(100),
        learnflow_mastery::FactKind::CodeReview { rating: 100 },
    ]);
    let found = topic_mastery(&facts, "loops", 9, &MasteryConfig::default());
    assert!((found.mastery - 100.0).abs() < 1e-9);
    assert_eq!(found.level, Level::Mastered);
}

/// 0-40 beginner, 41-70 learning, 71-90 proficient, 91-100 mastered, rounded to the nearest whole number.
#[test]
fn levels_begin_where_the_rounded_mastery_says() {
    let expected = [
        (0.0, Level::Beginner),
        (40.49, Level::Beginner),
        (40.5, Level::Learning),
        (70.49, Level::Learning),
        (70.5, Level::Proficient),
        (90.49, Level::Proficient),
        (90.5, Level::Mastered),
        (100.0, Level::Mastered),
    ];
    for (mastery, expected) in expected {
        assert_eq!(level(mastery), expected, "{mastery}");
    }
}

/// A module is the mean over its topics, those not begun included.
#[test]
fn module_mastery_is_the_mean_of_its_topics() {
    assert_eq!(module_mastery([100.0, 50.0, 0.0]), (50.0, Level::Learning));
    assert_eq!(module_mastery([]), (0.0, Level::Beginner));
}

/// Weights are configuration, and wrong ones are refused at start with the setting's name.
#[test]
fn a_wrong_configuration_is_refused_by_name() {
    assert_eq!(Config::default().validate(), Ok(()));
    let wrong: [(&str, Change); 9] = [
        ("mastery.weights", |config| config.mastery.weights.quizzes = 0.2),
        ("mastery.weights", |config| {
            config.mastery.weights = Weights { exercises: 1.2, quizzes: -0.2, code_quality: 0.0, consistency: 0.0 }
        }),
        ("mastery.weights", |config| config.mastery.weights.quizzes = f64::NAN),
        ("mastery.difficulty_factors", |config| config.mastery.difficulty_factors[1] = 0.0),
        ("knowledge.default.guess + slip", |config| config.knowledge.default.guess = 0.9),
        ("knowledge.topics.loops.prior", |config| {
            config.knowledge.topics.insert("loops".into(), BktParameters { prior: 1.0, ..Default::default() });
        }),
        ("review.fsrs.parameters[20]", |config| config.review.fsrs.parameters[20] = 0.9),
        ("review", |config| config.review.hard_from = 99),
        ("struggle.same_error_count", |config| {
            config.struggle = StruggleConfig { same_error_count: 0, ..StruggleConfig::default() }
        }),
    ];
    for (setting, change) in wrong {
        let mut config = Config::default();
        change(&mut config);
        assert_eq!(config.validate().unwrap_err().setting, setting);
    }
}

/// A configuration file may say as little as it likes, but nothing unknown.
#[test]
fn a_configuration_may_be_partial() {
    let text = r#"{"knowledge": {"topics": {"loops": {"prior": 0.5, "learn": 0.1, "guess": 0.2, "slip": 0.1}}}}"#;
    let config: Config = serde_json::from_str(text).unwrap();
    assert_eq!(config.knowledge.parameters("loops").prior, 0.5);
    assert_eq!(config.knowledge.parameters("lists"), BktParameters::default());
    assert_eq!(config.mastery, MasteryConfig::default());
    assert!(serde_json::from_str::<Config>(r#"{"mastery": {"wieghts": 1}}"#).is_err());
}

/// The values published for the Error Quotient's algorithm (V. Švábenský et al., "Comparison of Three Programming Error
/// Measures for Explaining Variability in CS1 Grades", `ITiCSE` 2024, test data of its code).
#[test]
fn error_quotient_reproduces_published_values() {
    let published: [(&[Option<&str>], f64); 10] = [
        (&[], 0.0),
        (&[None, None], 0.0),
        (&[Some("A"), None, Some("B")], 0.0),
        (&[Some("A"), None, Some("A")], 0.0),
        (&[Some("A"), Some("B")], 0.7273),
        (&[Some("A"), Some("A")], 1.0),
        (&[Some("A"), Some("A"), Some("A")], 1.0),
        (&[Some("A"), Some("A"), Some("B")], 0.8636),
        (&[Some("A"), Some("B"), Some("B")], 0.8636),
        (&[Some("A"), Some("B"), Some("C")], 0.7273),
    ];
    for (runs, expected) in published {
        let found = error_quotient(runs);
        assert!((found - expected).abs() < 5e-5, "{runs:?}: {found}, published {expected}");
    }
}

/// Σ r²/(r + 1), where r counts repetitions: of two, three and one error in a row.
#[test]
fn repeated_error_density_sums_over_sequences() {
    let runs = [Some("A"), Some("A"), None, Some("A"), Some("A"), Some("A"), Some("B"), None, None];
    assert_eq!(repeated_error_density(&runs), 1.0 / 2.0 + 4.0 / 3.0);
    assert_eq!(repeated_error_density(&[Some("A"), Some("B"), None, Some("A")]), 0.0);
}

/// Not three right in a row within ten tries; the third right one at the tenth try is still in time.
#[test]
fn wheel_spinning_falls_at_the_tenth_try() {
    let tries = |text: &str| wheel_spinning(text.chars().map(|c| c == '+'));
    assert!(!tries("-++-++-++").is_spinning(), "nine tries are too few for the verdict");
    assert!(tries("-++-++-++-").is_spinning());
    assert!(!tries("-++-++-+++").is_spinning());
    let late = tries("-++-++-++-+++");
    assert_eq!((late.is_spinning(), late.mastered_at), (true, Some(13)));
}

/// The measures see a topic's runs: a wrong result is no error, a solved exercise is not tried again.
#[test]
fn measures_look_at_runs_and_submissions() {
    let facts = facts([
        error("NameError"),
        graded("a", Difficulty::Easy, Outcome::Error, 0, Some("NameError")),
        quiz(10),
        run(None, Outcome::TimedOut, None),
        submission("a", 50),
        submission("a", 100),
        submission("a", 100),
        submission("b", 100),
        submission("c", 100),
    ]);
    let found = measures(&facts, "loops");
    assert_eq!(found.runs, 8);
    assert!((found.error_quotient - (11.0 + 8.0) / 11.0 / 7.0).abs() < 1e-12);
    assert_eq!(found.repeated_error_density, 0.5);
    assert_eq!((found.wheel_spinning.tries, found.wheel_spinning.mastered_at), (5, Some(5)));
}

/// Submissions and quizzes are the attempts of the knowledge estimate; other topics and runs are not.
#[test]
fn knowledge_rests_on_graded_attempts() {
    let config = Config::default().knowledge;
    let found = knowledge(&facts([submission("a", 90), error("NameError"), quiz(70)]), "loops", &config);
    let expected = BktParameters::default().trace([false, true]);
    assert_eq!((found.known, found.attempts), (expected[2], 2));
    assert_eq!(knowledge(&facts([quiz(70)]), "lists", &config).known, 0.3);
}

/// A day's graded work is one review by its mean score, and without relearning steps days pass until the next.
#[test]
fn a_day_of_work_is_one_review() {
    let config = ReviewConfig::default();
    let day = 24 * 60;
    let facts: Facts = [
        (0, submission("a", 0)),
        (5, submission("a", 100)),
        (9, error("NameError")),
        (day, quiz(90)),
        (3 * day, quiz(40)),
        (4 * day, quiz(100)),
    ]
    .into_iter()
    .map(|(minutes, kind)| fact(minutes, kind))
    .collect();
    let expected = [
        (minute(5), Rating::Hard),
        (minute(day), Rating::Good),
        (minute(3 * day), Rating::Again),
        (minute(4 * day), Rating::Easy),
    ];
    assert_eq!(reviews(&facts, "loops", &config), expected);

    let card = next_review(&facts, "loops", &config).unwrap();
    assert_eq!(card.last_review, minute(4 * day));
    assert!(card.due - card.last_review >= Duration::days(1));
    assert_eq!(next_review(&facts, "lists", &config), None);
}
