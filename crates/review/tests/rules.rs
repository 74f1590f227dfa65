//! Every rule finds what it is for, in its line, and leaves alone what only looks like it.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use std::{collections::BTreeSet, fs, path::Path};

use learnflow_curriculum::Level;
use learnflow_review::{Category, Review, review, rules};

const MARK: &str = "# <-";

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn lines_of(review: &Review, rule: &str) -> Vec<usize> {
    review.comments.iter().filter(|comment| comment.rule == rule).map(|comment| comment.line as usize).collect()
}

/// FR-014: each own check has a table: programs with the line to be flagged marked, and near misses.
#[test]
fn own_checks_find_what_they_are_for_and_nothing_else() {
    let mut failures = Vec::new();
    for rule in rules().filter(|rule| rule.code.is_none() || rule.code == Some("C901")) {
        let file = folder().join("rules").join(rule.name).with_extension("txt");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (mut hits, mut near_misses) = (0, 0);
        for section in text.split("### ").skip(1) {
            let (heading, code) = section.split_once('\n').unwrap();
            let marked: Vec<_> =
                code.lines().enumerate().filter(|(_, line)| line.ends_with(MARK)).map(|(index, _)| index + 1).collect();
            assert_eq!(heading == "flagged", !marked.is_empty(), "{}: marks and headings disagree", rule.name);
            if heading == "flagged" {
                hits += 1;
            } else {
                near_misses += 1;
            }
            let review = review(code, Level::Mastered);
            let found = lines_of(&review, rule.name);
            if found != marked {
                failures.push(format!(
                    "{}: wanted {marked:?}, found {found:?} in\n{code}{:#?}",
                    rule.name, review.comments
                ));
            }
            let bug = review.comments.iter().find(|comment| comment.category == Category::Bug);
            if heading == "fine"
                && let Some(bug) = bug
            {
                failures.push(format!("{}: a near miss is called a bug: {bug:?} in\n{code}", rule.name));
            }
        }
        assert!(hits > 0 && near_misses > 0, "{}: a table needs both kinds", rule.name);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// FR-014: ruff's rules run, and their findings come with our explanation, all quoted parts filled in.
#[test]
fn rules_of_ruff_find_what_they_are_for() {
    let text = fs::read_to_string(folder().join("ruff.txt")).unwrap();
    let (mut failures, mut tried) = (Vec::new(), BTreeSet::new());
    for section in text.strip_prefix("== ").unwrap().split("\n== ") {
        let (code, program) = section.split_once('\n').unwrap();
        tried.insert(code.to_owned());
        let review = review(program, Level::Mastered);
        match review.comments.iter().find(|comment| comment.code == Some(code)) {
            None => failures.push(format!("{code} not found in\n{program}{:#?}", review.comments)),
            Some(comment) => {
                let texts = [Some(&comment.message), comment.suggestion.as_ref()];
                let unfilled = texts
                    .into_iter()
                    .flatten()
                    .any(|text| text.contains("`{1}`") || text.contains("`{0}`") && code != "F525");
                if unfilled {
                    failures.push(format!("{code}: {comment:?}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let untried: Vec<_> = rules()
        .filter(|rule| matches!(rule.category, Category::Bug | Category::Security))
        .filter_map(|rule| rule.code)
        .filter(|code| !tried.contains(*code))
        .collect();
    assert!(untried.is_empty(), "no program shows {untried:?}");
}

/// FR-014: names are unique, since comments are told apart by them.
#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: Vec<_> = rules().map(|rule| rule.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.len() >= 200, "{} rules", names.len());
}
