//! The rating and the words around it. [`Review::rating`](crate::Review::rating) describes the formula.

use std::collections::HashMap;

use crate::{Category, Comment, FunctionComplexity, Part, Severity, Tests};

pub(crate) const CORRECTNESS: &str = "correctness";

/// The parts made of findings.
const PARTS: [(&str, u32, Category); 5] = [
    ("mistakes", 50, Category::Bug),
    ("readability", 20, Category::Readability),
    ("style", 5, Category::Style),
    ("efficiency", 5, Category::Performance),
    ("safety", 5, Category::Security),
];
const COMPLEXITY_WEIGHT: u32 = 15;
/// Paths through a function that cost nothing.
const FREE_PATHS: u32 = 8;
const COST_OF_A_PATH: u32 = 5;
/// How many findings of a rule count.
const COUNTED_PER_RULE: u32 = 3;

const fn cost(severity: Severity) -> u32 {
    match severity {
        Severity::Error => 70,
        Severity::Warning => 30,
        Severity::Info => 10,
    }
}

pub(crate) fn parts(comments: &[Comment], functions: &[FunctionComplexity]) -> Vec<Part> {
    let mut parts: Vec<Part> =
        PARTS.iter().map(|&(name, weight, category)| from_findings(name, weight, category, comments)).collect();
    parts.insert(2, complexity(functions));
    parts
}

fn from_findings(name: &'static str, weight: u32, category: Category, comments: &[Comment]) -> Part {
    let mut per_rule: HashMap<&str, u32> = HashMap::new();
    let (mut costs, mut found) = (0_u32, 0_u32);
    for comment in comments.iter().filter(|comment| comment.category == category) {
        found += 1;
        let count = per_rule.entry(comment.rule).or_default();
        *count += 1;
        if *count <= COUNTED_PER_RULE {
            costs += cost(comment.severity);
        }
    }
    let detail = match found {
        0 => "Nothing was found.".to_owned(),
        1 => "One finding.".to_owned(),
        found => format!("{found} findings."),
    };
    Part { name, score: 100_u32.saturating_sub(costs), weight, detail }
}

fn complexity(functions: &[FunctionComplexity]) -> Part {
    let most = functions.iter().max_by_key(|function| function.cyclomatic);
    let paths = most.map_or(1, |function| function.cyclomatic);
    let detail = most.map_or_else(
        || "There are no functions to measure.".to_owned(),
        |function| match function.cyclomatic {
            1 => format!("There is one path through `{}`, as through every function.", function.name),
            paths => format!("The most complex function, `{}`, has {paths} paths through it.", function.name),
        },
    );
    let score = 100_u32.saturating_sub(paths.saturating_sub(FREE_PATHS).saturating_mul(COST_OF_A_PATH));
    Part { name: "complexity", score, weight: COMPLEXITY_WEIGHT, detail }
}

pub(crate) fn correctness(tests: Tests) -> Part {
    let total = tests.total.max(1);
    let passed = tests.passed.min(total);
    let detail = format!("{passed} of {total} tests passed.");
    Part { name: CORRECTNESS, score: passed * 100 / total, weight: 100, detail }
}

/// The rating of a program that Python cannot read.
pub(crate) fn unreadable() -> Vec<Part> {
    let detail = "Python cannot read the program, so nothing else could be looked at.".to_owned();
    vec![Part { name: "mistakes", score: 0, weight: 50, detail }]
}

pub(crate) fn rate(parts: &[Part]) -> u32 {
    let weights: u32 = parts.iter().map(|part| part.weight).sum();
    let sum: u32 = parts.iter().map(|part| part.weight * part.score).sum();
    sum / weights.max(1)
}

pub(crate) fn summary(comments: &[Comment], praise: &str) -> String {
    let count = |wanted: &dyn Fn(&Comment) -> bool| comments.iter().filter(|comment| wanted(comment)).count();
    let bugs = count(&|comment| comment.category == Category::Bug);
    let others = comments.len() - bugs;
    let found = match (bugs, others) {
        (0, 0) => "I found nothing to change.".to_owned(),
        (0, 1) => "One thing could be better; no mistake was found.".to_owned(),
        (0, others) => format!("{others} things could be better; no mistake was found."),
        (bugs, others) => {
            let bugs = if bugs == 1 {
                "One thing looks like a mistake: look at it first.".to_owned()
            } else {
                format!("{bugs} things look like mistakes: look at them first.")
            };
            match others {
                0 => bugs,
                1 => format!("{bugs} One more is about how the code reads."),
                others => format!("{bugs} {others} more are about how the code reads."),
            }
        }
    };
    format!("{praise} {found} Whether the results are right, only tests can tell.")
}
