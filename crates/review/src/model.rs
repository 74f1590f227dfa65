use std::collections::HashSet;

use learnflow_curriculum::Level;
use ruff_source_file::LineIndex;
use ruff_text_size::Ranged;

use crate::{rating, rules::RuleInfo};

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// The program doesn't do what is written, or stops with an error.
    Bug,
    /// It opens a door to attackers.
    Security,
    /// It works, but is harder to read or to change than it need be.
    Readability,
    /// It does more work than it need do.
    Performance,
    /// It departs from what Python programmers agreed on, mostly PEP 8.
    Style,
}

impl Category {
    /// The category's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bug => "bug",
            Self::Security => "security",
            Self::Readability => "readability",
            Self::Performance => "performance",
            Self::Style => "style",
        }
    }
}

/// How much a finding matters. Ordered: `Info < Warning < Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Better changed.
    Warning,
    /// Must be changed.
    Error,
}

impl Severity {
    /// The severity's name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comment {
    /// First line, from 1.
    pub line: u32,
    /// Last line; the same as `line` for most.
    pub end_line: u32,
    /// What it is about.
    pub category: Category,
    /// How much it matters.
    pub severity: Severity,
    /// The rule's name: `mutable-argument-default`.
    pub rule: &'static str,
    /// The rule's code in ruff, if it is one of ruff's: `B006`.
    pub code: Option<&'static str>,
    /// What was found and why it matters (Markdown, one paragraph).
    pub message: String,
    /// What to do about it (Markdown, one paragraph).
    pub suggestion: Option<String>,
}

/// A part of the rating.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// `correctness`, `mistakes`, `readability`, `complexity`, `style`, `efficiency` or `safety`.
    pub name: &'static str,
    /// 0 to 100.
    pub score: u32,
    /// How much it counts beside the others.
    pub weight: u32,
    /// A sentence that says how the score came about.
    pub detail: String,
}

/// How complex a function is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionComplexity {
    /// Its name, with those of the classes and functions around it: `Stack.push`.
    pub name: String,
    /// The line of its `def`, from 1.
    pub line: u32,
    /// Its last line.
    pub end_line: u32,
    /// Cyclomatic complexity, after Thomas `McCabe`, *A Complexity Measure* (1976): the number of independent paths through
    /// it. 1, and 1 more for each `if`, `elif`, loop, `except`, `case` that can fail to match, conditional expression,
    /// `and`, `or`, and each loop and condition of a comprehension. Functions inside it count for themselves.
    pub cyclomatic: u32,
}

/// What running the program's tests gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tests {
    /// How many passed.
    pub passed: u32,
    /// How many there are; at least 1.
    pub total: u32,
}

/// A review of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Review {
    /// 0 to 100: the mean of the parts, weighted, rounded down.
    ///
    /// The parts and their weights: *mistakes* 50 (category bug), *readability* 20, *complexity* 15, *style* 5,
    /// *efficiency* 5 (performance), *safety* 5 (security); and *correctness* 100, once tests were run: the share that
    /// passed. A part made of findings is 100 less 70 for each error, 30 for each warning and 10 for each information, at
    /// least 0; of one rule, three findings count. *Complexity* is 100 less 5 for each path beyond 8 of the most
    /// complex function. A further finding never raises the rating. A program with a syntax error is rated 0: there is
    /// nothing to rate until Python can read it.
    pub rating: u32,
    /// What the rating is made of. Correctness is absent as long as no tests were run.
    pub parts: Vec<Part>,
    /// The findings by line; of a style rule at most three, of another at most ten.
    pub comments: Vec<Comment>,
    /// The functions in their order.
    pub functions: Vec<FunctionComplexity>,
    /// What is good, as a sentence.
    pub praise: String,
    /// Two or three sentences for the student (Markdown).
    pub summary: String,
}

impl Review {
    /// The review of a program whose tests were run: with correctness in its rating.
    #[must_use]
    pub fn with_tests(mut self, tests: Tests) -> Self {
        self.parts.retain(|part| part.name != rating::CORRECTNESS);
        self.parts.insert(0, rating::correctness(tests));
        self.rating = rating::rate(&self.parts);
        self
    }

    /// Whether Python can read the program at all.
    pub fn is_readable(&self) -> bool {
        self.comments.iter().all(|comment| comment.rule != "syntax-error")
    }
}

/// Collects the findings of a review.
pub(crate) struct Report {
    lines: LineIndex,
    level: Level,
    comments: Vec<Comment>,
    seen: HashSet<(u32, &'static str)>,
}

impl Report {
    pub(crate) fn new(code: &str, level: Level) -> Self {
        Self { lines: LineIndex::from_source_text(code), level, comments: Vec::new(), seen: HashSet::new() }
    }

    pub(crate) fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// The line of a position, from 1.
    pub(crate) fn line(&self, offset: ruff_text_size::TextSize) -> u32 {
        u32::try_from(self.lines.line_index(offset).get()).unwrap_or(u32::MAX)
    }

    /// Adds a finding, unless the rule is for higher levels or has found this line before.
    pub(crate) fn add(&mut self, rule: &RuleInfo, at: impl Ranged, message: impl Into<String>, suggestion: &str) {
        let (line, end_line) = (self.line(at.start()), self.line(at.end()));
        if self.level < rule.from || !self.seen.insert((line, rule.name)) {
            return;
        }
        self.comments.push(Comment {
            line,
            end_line: end_line.max(line),
            category: rule.category,
            severity: rule.severity,
            rule: rule.name,
            code: rule.code,
            message: message.into(),
            suggestion: (!suggestion.is_empty()).then(|| suggestion.to_owned()),
        });
    }

    pub(crate) fn finish(mut self, functions: Vec<FunctionComplexity>, praise: String) -> Review {
        self.comments.sort_by_key(|comment| (comment.line, comment.category, comment.rule));
        let parts = rating::parts(&self.comments, &functions);
        let summary = rating::summary(&self.comments, &praise);
        limit(&mut self.comments);
        Review { rating: rating::rate(&parts), parts, comments: self.comments, functions, praise, summary }
    }
}

/// A review must stay readable: the same remark a hundred times teaches nothing.
fn limit(comments: &mut Vec<Comment>) {
    let mut counts = std::collections::HashMap::new();
    comments.retain(|comment| {
        let count: &mut u32 = counts.entry(comment.rule).or_default();
        *count += 1;
        *count <= if comment.category == Category::Style { 3 } else { 10 }
    });
}
