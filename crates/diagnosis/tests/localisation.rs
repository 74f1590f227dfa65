//! FR-018: faulty lines are among the most suspicious ones.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

mod support;

use learnflow_diagnosis::{CaseRun, Failed, ochiai, suspects, wrong_result};
use proptest::prelude::*;
use serde_json::json;
use support::python;

/// A function with one mistake, its faulty line, and cases with their right values.
type Bug = (&'static str, &'static str, u32, &'static [(&'static str, &'static str)]);

const BUGS: [Bug; 10] = [
    (
        "sign",
        "def sign(n):\n    if n > 1:\n        return 1\n    if n < 0:\n        return -1\n    return 0",
        2,
        &[("(5,)", "1"), ("(1,)", "1"), ("(0,)", "0"), ("(-3,)", "-1")],
    ),
    (
        "largest",
        "def largest(xs):\n    best = 0\n    for x in xs:\n        if x > best:\n            best = x\n    return best",
        2,
        &[("([1, 3, 2],)", "3"), ("([-5, -2],)", "-2"), ("([7],)", "7")],
    ),
    (
        "leap",
        "def leap(year):\n    if year % 400 == 0:\n        return True\n    if year % 100 == 0:\n        return True\n    return year % 4 == 0",
        5,
        &[("(2000,)", "True"), ("(1900,)", "False"), ("(2024,)", "True"), ("(2023,)", "False")],
    ),
    (
        "grade",
        "def grade(points):\n    if points >= 90:\n        return 'A'\n    elif points > 80:\n        return 'B'\n    elif points >= 70:\n        return 'C'\n    return 'F'",
        4,
        &[("(95,)", "'A'"), ("(80,)", "'B'"), ("(75,)", "'C'"), ("(10,)", "'F'"), ("(85,)", "'B'")],
    ),
    (
        "vowels",
        "def vowels(text):\n    count = 0\n    for letter in text:\n        if letter in 'aeio':\n            count += 1\n    return count",
        4,
        &[("('banana',)", "3"), ("('cube',)", "2"), ("('xyz',)", "0")],
    ),
    (
        "fizz",
        "def fizz(n):\n    if n % 15 == 0:\n        return 'FizzBuzz'\n    if n % 3 == 0:\n        return 'Buzz'\n    if n % 5 == 0:\n        return 'Buzz'\n    return str(n)",
        5,
        &[("(3,)", "'Fizz'"), ("(5,)", "'Buzz'"), ("(15,)", "'FizzBuzz'"), ("(2,)", "'2'")],
    ),
    (
        "count_up",
        "def count_up(n):\n    result = []\n    for i in range(1, n):\n        result.append(i)\n    return result",
        3,
        &[("(3,)", "[1, 2, 3]"), ("(0,)", "[]"), ("(1,)", "[1]")],
    ),
    (
        "discount",
        "def discount(price, member):\n    if member:\n        price = price * 0.8\n    if price > 100:\n        price = price + 10\n    return price",
        5,
        &[("(50, False)", "50"), ("(50, True)", "40.0"), ("(200, False)", "190"), ("(200, True)", "150.0")],
    ),
    (
        "middle",
        "def middle(a, b, c):\n    if a > b:\n        a, b = b, a\n    if b > c:\n        b = a\n    if a > b:\n        a, b = b, a\n    return b",
        5,
        &[("(1, 2, 3)", "2"), ("(2, 3, 1)", "2"), ("(1, 3, 2)", "2"), ("(2, 1, 3)", "2")],
    ),
    (
        "word_counts",
        "def word_counts(text):\n    counts = {}\n    for word in text.split():\n        if word in counts:\n            counts[word] = 1\n        else:\n            counts[word] = 1\n    return counts",
        5,
        &[("('a b',)", "{'a': 1, 'b': 1}"), ("('a a',)", "{'a': 2}"), ("('',)", "{}")],
    ),
];

#[test]
fn seeded_mistakes_are_among_the_first_three() {
    let programs: Vec<_> = BUGS
        .iter()
        .map(|(function, code, _, cases)| json!({ "code": code, "function": function, "cases": cases }))
        .collect();
    let results = python(include_str!("support/driver.py"), &json!(programs));
    let mut missed = Vec::new();
    for ((function, code, faulty, cases), runs) in BUGS.iter().zip(results.as_array().unwrap()) {
        let runs: Vec<CaseRun> = runs
            .as_array()
            .unwrap()
            .iter()
            .map(|run| CaseRun {
                passed: run["passed"].as_bool().unwrap(),
                lines: run["lines"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|line| u32::try_from(line.as_u64().unwrap()).unwrap())
                    .collect(),
            })
            .collect();
        assert!(runs.iter().any(|run| !run.passed), "{function} is right");
        let ranked = suspects(code, &runs);
        let place = ranked.iter().position(|suspect| suspect.line == *faulty);
        if place.is_none_or(|place| place >= 3) {
            missed.push(format!("{function}: {ranked:?}"));
        }
        let failed = Failed {
            name: "second",
            input: Some(cases[1].0),
            expected: Some("42"),
            actual: Some("41"),
            total: cases.len(),
            ..Failed::default()
        };
        let found = wrong_result(code, &failed, &ranked, "lists");
        assert!(found.hints[1].contains(&format!("line {}", ranked[0].line)) && found.solution.is_none());
        assert!(found.root_cause.contains("42") && found.root_cause.contains("41"));
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

proptest! {
    /// The coefficient as it is defined, and what follows from that.
    #[test]
    fn ochiai_is_between_nothing_and_exactly_the_failing(ef in 0_u32..50, ep in 0_u32..50, nf in 0_u32..50) {
        let value = ochiai(ef, ep, nf);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&value));
        let of_sets = |both: u32, one: u32, other: u32| if both == 0 { 0.0 } else { f64::from(both) / (f64::from(one) * f64::from(other)).sqrt() };
        prop_assert!((value - of_sets(ef, ef + nf, ef + ep)).abs() < 1e-12);
        prop_assert_eq!(value > 1.0 - 1e-12, ef > 0 && ep == 0 && nf == 0);
        // A passing test through the line clears it, a failing one accuses it.
        prop_assert!(ef == 0 || ochiai(ef, ep + 1, nf) < value);
        prop_assert!(nf == 0 || ochiai(ef + 1, ep, nf - 1) > value);
    }

    /// The ranking is by the coefficient, and has exactly the lines that failing tests execute.
    #[test]
    fn ranking_follows_the_coefficient(
        runs in prop::collection::vec((any::<bool>(), prop::collection::btree_set(1_u32..9, 0..8)), 0..8)
    ) {
        let code = "a = 1\nb = 2\nc = a + b\nif c:\n    d = 4\ne = [1]\nf = e[0]\nprint(f)\n";
        let runs: Vec<CaseRun> = runs.into_iter().map(|(passed, lines)| CaseRun { passed, lines: lines.into_iter().collect() }).collect();
        let ranked = suspects(code, &runs);
        prop_assert!(ranked.windows(2).all(|pair| pair[0].score >= pair[1].score));
        for line in 1..9 {
            let of_failing = runs.iter().any(|run| !run.passed && run.lines.contains(&line));
            prop_assert_eq!(ranked.iter().filter(|suspect| suspect.line == line).count(), usize::from(of_failing));
        }
    }
}
