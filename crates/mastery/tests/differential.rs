//! The knowledge estimate and the review schedule against the packages of those who publish the methods, `pyBKT` and
//! `fsrs`, on random histories. `ORACLE_SEED=<number>` chooses other histories.

#![allow(clippy::expect_used, reason = "a test may fail")]

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use learnflow_mastery::{BktParameters, Card, CardState, FsrsConfig, Rating};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};

const HISTORIES: usize = 400;
const RATINGS: [Rating; 4] = [Rating::Again, Rating::Hard, Rating::Good, Rating::Easy];

fn random() -> StdRng {
    let seed = env::var("ORACLE_SEED").map_or(1995, |seed| seed.parse().expect("ORACLE_SEED is a number"));
    StdRng::seed_from_u64(seed)
}

/// Runs the oracles in one process for all histories.
fn ask(fsrs: &[Value], bkt: &[Value]) -> Value {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = here.join("../../dev/oracles.sh");
    let made = Command::new(&script).stderr(Stdio::inherit()).output().expect("dev/oracles.sh starts");
    assert!(made.status.success(), "dev/oracles.sh could not provide the packages to compare with; it says why above");
    let python = PathBuf::from(String::from_utf8(made.stdout).expect("a path").trim());

    let mut oracle = Command::new(python)
        .arg(here.join("tests/oracles.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python starts");
    let histories = serde_json::to_vec(&json!({ "fsrs": fsrs, "bkt": bkt })).expect("JSON");
    oracle.stdin.take().expect("piped").write_all(&histories).expect("the oracle reads all of its input");
    let answer = oracle.wait_with_output().expect("the oracle ends");
    assert!(answer.status.success(), "the oracle failed: {}", answer.status);
    serde_json::from_slice(&answer.stdout).expect("the oracle answers with JSON")
}

/// Within 1e-6, of the value itself where that is over 1.
fn close(ours: f64, theirs: &Value, what: &str) {
    let theirs = theirs.as_f64().expect(what);
    let allowed = 1e-6 * theirs.abs().max(1.0);
    assert!((ours - theirs).abs() <= allowed, "{what}: {ours} here, {theirs} there");
}

/// FR-025..028: P(known) agrees with pyBKT's to 1e-6 before and after every attempt, for random parameters.
#[test]
fn knowledge_agrees_with_pybkt() {
    let mut random = random();
    let cases: Vec<(BktParameters, Vec<bool>)> = (0..HISTORIES)
        .map(|_| {
            let parameters = BktParameters {
                prior: random.random_range(0.01..0.99),
                learn: random.random_range(0.0..0.9),
                guess: random.random_range(0.01..0.5),
                slip: random.random_range(0.01..0.49),
            };
            let skill = random.random_range(0.0..=1.0);
            (parameters, (0..random.random_range(1..60)).map(|_| random.random_bool(skill)).collect())
        })
        .collect();
    let histories: Vec<Value> = cases
        .iter()
        .map(|(parameters, correct)| {
            let mut history = json!(parameters);
            history["correct"] = json!(correct);
            history
        })
        .collect();

    let answers = ask(&[], &histories);

    for (index, (parameters, correct)) in cases.iter().enumerate() {
        let theirs = &answers["bkt"][index];
        let ours = parameters.trace(correct.iter().copied());
        assert_eq!(theirs["known"].as_array().map(Vec::len), Some(ours.len()), "history {index}");
        for (attempt, known) in ours.into_iter().enumerate() {
            let what = format!("history {index}, attempt {attempt}");
            close(known, &theirs["known"][attempt], &what);
            close(parameters.next_correct(known), &theirs["correct"][attempt], &what);
        }
    }
}

/// FR-025..028: stability and difficulty agree with the package `fsrs` to 1e-6, states and due times exactly, for the
/// published and for random parameters, with and without learning steps.
#[test]
fn the_review_schedule_agrees_with_fsrs() {
    let mut random = random();
    let mut cases: Vec<(FsrsConfig, Vec<(OffsetDateTime, Rating)>)> = Vec::new();
    for index in 0..HISTORIES {
        let mut config = FsrsConfig::default();
        if index % 2 == 1 {
            randomize(&mut config, &mut random);
        }
        if index % 4 >= 2 {
            config.learning_steps = vec![60, 600];
            config.relearning_steps = vec![600];
        }
        let mut at = datetime!(2026-01-01 00:00 UTC);
        let reviews = (0..random.random_range(1..40)).map(|_| {
            // From seconds to months apart.
            let longest = 10_i64.pow(random.random_range(1..8));
            at += Duration::seconds(random.random_range(0..longest));
            (at, RATINGS[random.random_range(0..RATINGS.len())])
        });
        let reviews = reviews.collect();
        cases.push((config, reviews));
    }
    let histories: Vec<Value> = cases
        .iter()
        .map(|(config, reviews)| {
            let reviews: Vec<_> =
                reviews.iter().map(|(at, rating)| json!([at.unix_timestamp(), *rating as u8])).collect();
            json!({ "scheduler": config, "reviews": reviews })
        })
        .collect();

    let answers = ask(&histories, &[]);

    for (index, (config, reviews)) in cases.iter().enumerate() {
        let mut card: Option<Card> = None;
        for (number, (at, rating)) in reviews.iter().enumerate() {
            let ours = config.review(card.as_ref(), *rating, *at);
            let theirs = &answers["fsrs"][index][number];
            let what = format!("history {index}, review {number} of {config:?}");
            let (state, step) = match ours.state {
                CardState::Learning(step) => ("Learning", json!(step)),
                CardState::Review => ("Review", Value::Null),
                CardState::Relearning(step) => ("Relearning", json!(step)),
            };
            assert_eq!((&json!(state), &step), (&theirs["state"], &theirs["step"]), "{what}");
            close(ours.stability, &theirs["stability"], &what);
            close(ours.difficulty, &theirs["difficulty"], &what);
            let later = *at + Duration::days(30);
            close(config.retrievability(&ours, later), &theirs["retrievability"], &what);
            assert_eq!(json!(ours.due.unix_timestamp_nanos() / 1_000_000), theirs["due"], "{what}");
            card = Some(ours);
        }
    }
}

/// Everything that can be configured, within bounds: the first numbers are the bounds the package itself enforces.
fn randomize(config: &mut FsrsConfig, random: &mut StdRng) {
    let bounds = [
        (0.001, 100.0),
        (0.001, 100.0),
        (0.001, 100.0),
        (0.001, 100.0),
        (1.0, 10.0),
        (0.001, 4.0),
        (0.001, 4.0),
        (0.001, 0.75),
        (0.0, 4.5),
        (0.0, 0.8),
        (0.001, 3.5),
        (0.001, 5.0),
        (0.001, 0.25),
        (0.001, 0.9),
        (0.0, 4.0),
        (0.0, 1.0),
        (1.0, 6.0),
        (0.0, 2.0),
        (0.0, 2.0),
        (0.0, 0.8),
        (0.1, 0.8),
    ];
    config.parameters = bounds.map(|(lowest, highest)| random.random_range(lowest..=highest));
    config.desired_retention = random.random_range(0.7..0.99);
    config.maximum_interval = random.random_range(1..=36_500);
    let mut steps = |most| (0..random.random_range(0..=most)).map(|_| random.random_range(1..90_000)).collect();
    config.learning_steps = steps(4);
    config.relearning_steps = steps(3);
}
