//! What a topic of the shipped curriculum has, beyond what the loader asks of every topic.

use std::ops::RangeInclusive;

use learnflow_curriculum::{Difficulty, Exercise, Level, code_blocks};

use super::{Finding, Subject};

/// The fewest of each.
const QUESTIONS: usize = 6;
const QUESTIONS_WITH_CODE: usize = 3;
const VARIATIONS: u64 = 6;
const HIDDEN_TESTS: usize = 2;
const RANDOM_TESTS: usize = 1;
const WRONG_SOLUTIONS: usize = 2;
const HINTS: RangeInclusive<usize> = 2..=3;

pub fn missing(subject: &Subject) -> Vec<Finding> {
    let topic = &subject.topic;
    let mut missing: Vec<Finding> = Vec::new();
    let mut at = |needle: &str, text: String| missing.push(subject.finding(needle, text));

    for level in Level::ALL {
        match topic.explanation_parts().find(|&(own, _)| own == level) {
            None => at("[explanations]", format!("no explanation for {level}")),
            Some((_, text)) => {
                let needle = format!("{level} = ");
                if code_blocks(text).unwrap().is_empty() && level > Level::Beginner {
                    at(&needle, format!("the explanation for {level} has no program"));
                }
                let (words, meant) = (words(text), meant_words(level));
                // Some leeway: a text isn't better for one word more.
                if words * 5 < meant.start() * 4 || words * 4 > meant.end() * 5 {
                    let (from, to) = (meant.start(), meant.end());
                    at(&needle, format!("the explanation for {level} has {words} words: {from} to {to} are meant"));
                }
            }
        }
    }
    if topic.quiz.len() < QUESTIONS {
        at("[[quiz]]", format!("{} quiz questions of {QUESTIONS}", topic.quiz.len()));
    }
    let with_code = topic.quiz.iter().filter(|question| question.code.is_some()).count();
    if with_code < QUESTIONS_WITH_CODE {
        at("[[quiz]]", format!("{with_code} quiz questions with code of {QUESTIONS_WITH_CODE}"));
    }
    for difficulty in Difficulty::ALL {
        if !topic.exercises.iter().any(|exercise| exercise.difficulty == difficulty) {
            at("[[exercises]]", format!("no exercise is {}", difficulty.as_str()));
        }
    }
    for exercise in &topic.exercises {
        for text in missing_in(exercise) {
            at(&format!("id = \"{}\"", exercise.id), format!("exercise {:?}: {text}", exercise.id));
        }
    }
    missing
}

fn missing_in(exercise: &Exercise) -> Vec<String> {
    let hidden = exercise.tests.iter().filter(|test| !test.visible).count();
    let fewest = [
        (hidden, HIDDEN_TESTS, "hidden tests"),
        (exercise.random_tests.len(), RANDOM_TESTS, "random tests"),
        (exercise.wrong.len(), WRONG_SOLUTIONS, "wrong solutions"),
    ];
    let mut missing: Vec<String> = fewest
        .into_iter()
        .filter(|(found, least, _)| found < least)
        .map(|(found, least, what)| format!("{found} {what} of {least}"))
        .collect();
    if exercise.variations() < VARIATIONS {
        missing.push(format!("{} variations of {VARIATIONS}", exercise.variations()));
    }
    if !HINTS.contains(&exercise.hints.len()) {
        missing.push(format!("{} hints: give {} to {}", exercise.hints.len(), HINTS.start(), HINTS.end()));
    }
    missing
}

fn meant_words(level: Level) -> RangeInclusive<usize> {
    match level {
        Level::Beginner => 150..=300,
        Level::Proficient => 150..=280,
        Level::Learning | Level::Mastered => 60..=130,
    }
}

/// The words outside of code blocks.
fn words(markdown: &str) -> usize {
    let mut is_code = false;
    let prose = markdown.lines().filter(|line| {
        let is_fence = line.starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    prose.map(|line| line.split_whitespace().count()).sum()
}
