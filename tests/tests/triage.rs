//! FR-006: triage sorts beginners' questions, measured on labelled ones.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "an error is a failed test, and its figures are to be seen"
)]

use std::{collections::HashSet, time::Duration};

use learnflow_tests::triage::{KINDS, Sorted, held_out, learned_from, learning_time};

/// Of every hundred questions of a set so many come to where they belong, and of each kind so many.
fn assert_right(sorted: &Sorted, of_all: usize, of_kind: usize) {
    let (right, all) = sorted.right(None);
    println!("{right} of {all}, {:?} each", sorted.time());
    assert!(right * 100 >= all * of_all, "{right} of {all}: {:#?}", sorted.misses);
    for kind in KINDS {
        let (right, all) = sorted.right(Some(kind));
        println!("{kind}: {right} of {all}");
        assert!(right * 100 >= all * of_kind, "{kind}: {right} of {all}: {:#?}", sorted.misses);
    }
}

/// FR-006: what was learned from nine tenths of the examples holds for the tenth. Quick to learn and to use: every
/// question of every student passes here.
#[test]
fn questions_like_the_examples_are_sorted() {
    let examples = learned_from().unwrap();
    let distinct: HashSet<_> = examples.iter().map(|example| (&example.text, &example.code, &example.error)).collect();
    assert_eq!(distinct.len(), examples.len(), "an example is there twice");
    assert!(examples.iter().all(|example| KINDS.contains(&example.kind.as_str())));
    for kind in KINDS {
        assert!(examples.iter().filter(|example| example.kind == kind).count() >= 400, "few are {kind}");
    }
    let sorted = Sorted::cross_validated(&examples).unwrap();
    assert_right(&sorted, 90, 86);
    assert!(sorted.time() < Duration::from_micros(100), "{:?}", sorted.time());
    let learning = learning_time().unwrap();
    // Some 40 ms on a quiet machine.
    assert!(learning < Duration::from_millis(250), "{learning:?}");
}

/// FR-006: so are questions that nothing was learned from. Their misses are for nobody who writes rules or examples.
#[test]
fn other_questions_are_sorted() {
    let (name, questions) = held_out().unwrap();
    println!("{name}");
    assert!(questions.len() >= 70, "few questions are {name}");
    let mut sorted = Sorted::of(&questions).unwrap();
    sorted.misses.clear();
    assert_right(&sorted, 85, 75);
}
