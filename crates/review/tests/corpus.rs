//! What is right isn't called wrong: the curriculum's own programs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a step that fails is to fail the test; figures")]

use std::path::Path;

use learnflow_curriculum::{Curriculum, Expectation, Level, code_blocks};
use learnflow_review::{Category, review};

/// Programs of the explanations that show a mistake on purpose: topic and rule.
const SHOWN_ON_PURPOSE: &[(&str, &str)] = &[
    ("strings", "unused-result"),
    ("strings", "strip-with-multi-characters"),
    ("input-and-conversion", "nan-comparison"),
    ("booleans-and-comparison", "multi-value-repeated-key-literal"),
    ("logical-operators", "constant-after-or"),
    ("for-loops", "loop-iterator-mutation"),
    ("dictionaries", "loop-iterator-mutation"),
    ("tuples", "is-literal"),
    ("parameters-and-arguments", "mutable-argument-default"),
    ("init-and-self", "mutable-argument-default"),
];

/// FR-014: programs of the kind that good Python is made of.
#[test]
fn idioms_are_no_bugs() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/idioms.txt")).unwrap();
    for code in text.split("\n---\n") {
        let review = review(code, Level::Mastered);
        assert!(review.is_readable(), "{code}{:#?}", review.comments);
        let bugs: Vec<_> = review.comments.iter().filter(|comment| comment.category == Category::Bug).collect();
        assert!(bugs.is_empty(), "{code}{bugs:#?}");
    }
}

/// FR-014: no reference solution and no program of an explanation that runs to its end gets a comment of category bug,
/// but for those that show the mistake on purpose.
#[test]
fn the_curriculum_has_no_bugs() {
    let curriculum = Curriculum::load(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../curriculum")).unwrap();
    let mut programs = Vec::new();
    for topic in curriculum.topics() {
        for (level, text) in topic.explanation_parts() {
            for block in code_blocks(text).unwrap() {
                if matches!(block.expectation, Expectation::Prints(_)) {
                    programs.push((
                        topic.id.clone(),
                        format!("{}, {level}, line {}", topic.id, block.line),
                        block.code,
                    ));
                }
            }
        }
        for exercise in &topic.exercises {
            for seed in 0..3 {
                let variation = exercise.instantiate(seed);
                programs.push((topic.id.clone(), format!("{}/{}", topic.id, exercise.id), variation.solution));
            }
        }
    }
    assert!(programs.len() > 100, "only {} programs", programs.len());
    let mut bugs = Vec::new();
    let mut ratings = 0;
    for (topic, place, code) in &programs {
        let review = review(code, Level::Mastered);
        ratings += review.rating;
        for comment in review.comments.iter().filter(|comment| comment.category == Category::Bug) {
            if !SHOWN_ON_PURPOSE.contains(&(topic, comment.rule)) {
                bugs.push(format!("{place}: {} in line {}: {}\n{code}\n", comment.rule, comment.line, comment.message));
            }
        }
    }
    println!("{} programs, mean rating {}", programs.len(), ratings / u32::try_from(programs.len()).unwrap());
    assert!(bugs.is_empty(), "{} findings\n{}", bugs.len(), bugs.join("\n"));
}
