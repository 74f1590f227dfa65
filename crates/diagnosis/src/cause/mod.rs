//! What is behind an error in this very program.
//!
//! Each analysis gives a [`Cause`] or nothing; it must not guess. What it says of the cause is shown at once, so it names
//! what is wrong and not what would be right; the correction belongs into `almost` and `fix`.

mod attributes;
mod blocks;
mod brackets;
mod calls;
mod foreign;
mod invalid;
mod modules;
mod names;
mod nothing;
mod positions;
mod syntax;
mod types;
mod values;

use ruff_text_size::Ranged;

use crate::{program::indentation, site::Site};

/// What an analysis found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cause {
    /// What is wrong in this program; whole sentences.
    pub(crate) root: String,
    /// What to compare or to ask; whole sentences, for the third hint.
    pub(crate) what: String,
    /// Nearly the answer, for the last hint.
    pub(crate) almost: String,
    /// The corrected line.
    pub(crate) fix: Option<Fix>,
    /// The part of the line that matters.
    pub(crate) part: Option<String>,
    /// The line to look at, where that isn't the error's.
    pub(crate) line: Option<u32>,
    /// The topic to read, where that isn't the error's.
    pub(crate) topic: Option<&'static str>,
}

/// A correction of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// The line to replace, from 1.
    pub line: u32,
    /// The corrected line, indentation included.
    pub text: String,
    /// Whether the text is a further line before the one named.
    pub is_new: bool,
}

impl Cause {
    pub(crate) fn new(root: impl Into<String>) -> Self {
        Self { root: root.into(), ..Self::default() }
    }

    pub(crate) fn what(mut self, text: impl Into<String>) -> Self {
        self.what = text.into();
        self
    }

    pub(crate) fn almost(mut self, text: impl Into<String>) -> Self {
        self.almost = text.into();
        self
    }

    pub(crate) fn part(mut self, text: impl Into<String>) -> Self {
        self.part = Some(text.into());
        self
    }

    pub(crate) fn at(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    pub(crate) fn topic(mut self, topic: &'static str) -> Self {
        self.topic = Some(topic);
        self
    }

    /// A correction; none if it changes nothing.
    pub(crate) fn fix(mut self, site: &Site<'_>, line: u32, text: impl Into<String>) -> Self {
        let text = text.into();
        if text != site.program.line(line) && !text.trim().is_empty() {
            self.fix = Some(Fix { line, text, is_new: false });
        }
        self
    }

    /// A correction that puts other text in a node's place.
    pub(crate) fn swap(self, site: &Site<'_>, node: &impl Ranged, by: &str) -> Self {
        match site.program.swapped(node, by) {
            Some((line, text)) => self.fix(site, line, text),
            None => self,
        }
    }

    /// A further line, indented as the one that it stands before.
    pub(crate) fn insert(mut self, site: &Site<'_>, line: u32, text: &str) -> Self {
        let indent = indentation(site.program.line(line));
        self.fix = Some(Fix { line, text: format!("{indent}{text}"), is_new: true });
        self
    }
}

/// Looks for the cause of an error.
pub(crate) fn find(site: &Site<'_>) -> Option<Cause> {
    match site.error.error_type.as_str() {
        "SyntaxError" => syntax::find(site).or_else(|| brackets::find(site)).or_else(|| invalid::find(site)),
        "IndentationError" | "TabError" => blocks::find(site),
        "NameError" => names::undefined(site),
        "UnboundLocalError" => names::unbound_local(site),
        "ModuleNotFoundError" => modules::no_module(site),
        "ImportError" => modules::no_such_import(site),
        "AttributeError" => nothing::find(site).or_else(|| attributes::find(site)),
        "TypeError" => nothing::find(site).or_else(|| calls::find(site)).or_else(|| types::find(site)),
        "IndexError" => positions::find(site),
        "KeyError" => values::key(site),
        "ValueError" => values::value(site),
        "ZeroDivisionError" => values::zero_division(site),
        "RecursionError" => values::recursion(site),
        "RuntimeError" => values::changed_size(site),
        "EOFError" => values::end_of_input(site),
        _ => None,
    }
}

/// Text in a code span; backticks in it would end it.
pub(crate) fn code(text: &str) -> String {
    let text = text.trim().replace('`', "'");
    let short: String = text.lines().next().unwrap_or_default().chars().take(60).collect();
    if short.len() < text.len() { format!("`{short}…`") } else { format!("`{short}`") }
}

/// "1 value", "2 values".
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
