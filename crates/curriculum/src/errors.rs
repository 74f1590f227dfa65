//! What Python's errors mean: the table in `errors.toml`.

use std::collections::HashMap;

use regex::{Captures, Regex};
use serde::Deserialize;
use toml::Spanned;

use crate::source::{Problem, Source};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorsFields {
    errors: Vec<Spanned<ErrorFields>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorFields {
    r#type: String,
    pattern: Option<Spanned<String>>,
    title: String,
    meaning: String,
    look: String,
    topic: Spanned<String>,
}

/// What one kind of error means. The texts are Markdown and may hold `{name}` placeholders for parts of the message.
#[derive(Clone, Debug)]
pub struct ErrorEntry {
    /// Python's name of the exception, such as `NameError`.
    pub error_type: String,
    /// A heading in plain words.
    pub title: String,
    /// What happened.
    pub meaning: String,
    /// Where to look first: a nudge, not the solution.
    pub look: String,
    /// The id of the topic to read.
    pub topic: String,
    pattern: Option<Regex>,
}

/// An entry with its placeholders filled in from a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorExplanation<'a> {
    /// Python's name of the exception.
    pub error_type: &'a str,
    /// A heading in plain words.
    pub title: String,
    /// What happened.
    pub meaning: String,
    /// Where to look first.
    pub look: String,
    /// The id of the topic to read.
    pub topic: &'a str,
}

/// All entries, found by the type of the error.
#[derive(Clone, Debug, Default)]
pub(crate) struct ErrorTable {
    entries: Vec<ErrorEntry>,
    by_type: HashMap<String, Vec<usize>>,
}

impl ErrorTable {
    pub(crate) fn read(source: &Source, is_topic: impl Fn(&str) -> bool) -> Result<Self, Vec<Problem>> {
        let fields: ErrorsFields = source.parse().map_err(|problem| vec![problem])?;
        let mut table = Self::default();
        let mut problems = Vec::new();
        for entry in fields.errors {
            let span = entry.span();
            match ErrorEntry::new(source, entry, &is_topic) {
                Ok(entry) => {
                    let same_type = table.by_type.entry(entry.error_type.clone()).or_default();
                    if same_type.iter().any(|&index| table.entries[index].pattern.is_none()) {
                        let reason = format!("{} is never reached: the entry above serves every message", entry.title);
                        problems.push(source.problem(span, reason));
                    }
                    same_type.push(table.entries.len());
                    table.entries.push(entry);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(table) } else { Err(problems) }
    }

    pub(crate) fn explain(&self, error_type: &str, message: &str) -> Option<ErrorExplanation<'_>> {
        let candidates = self.by_type.get(error_type)?;
        candidates.iter().find_map(|&index| self.entries[index].explain(message))
    }

    /// A pattern tied to the beginning of the message (`^`) needs the type to be known and is left out here.
    pub(crate) fn explain_message(&self, text: &str) -> Option<ErrorExplanation<'_>> {
        let is_free = |pattern: &Regex| !pattern.as_str().starts_with('^');
        let mut free = self.entries.iter().filter(|entry| entry.pattern.as_ref().is_some_and(is_free));
        free.find_map(|entry| entry.explain(text))
    }

    pub(crate) fn entries(&self) -> &[ErrorEntry] {
        &self.entries
    }
}

impl ErrorEntry {
    fn new(source: &Source, fields: Spanned<ErrorFields>, is_topic: impl Fn(&str) -> bool) -> Result<Self, Problem> {
        let span = fields.span();
        let fields = fields.into_inner();
        if !is_topic(fields.topic.get_ref()) {
            let reason = format!("there is no topic {:?}", fields.topic.get_ref());
            return Err(source.problem(fields.topic.span(), reason));
        }
        let pattern = match fields.pattern {
            None => None,
            Some(pattern) => Some(Regex::new(pattern.get_ref()).map_err(|error| {
                source.problem(pattern.span(), format!("the pattern is no regular expression: {error}"))
            })?),
        };
        let known = |name: &str| pattern.iter().flat_map(|p| p.capture_names().flatten()).any(|known| known == name);
        for text in [&fields.title, &fields.meaning, &fields.look] {
            if let Some(name) = placeholders(text).find(|name| !known(name)) {
                return Err(source.problem(span, format!("{{{name}}} is no named group of the entry's pattern")));
            }
        }
        Ok(Self {
            error_type: fields.r#type,
            title: fields.title,
            meaning: fields.meaning,
            look: fields.look,
            topic: fields.topic.into_inner(),
            pattern,
        })
    }

    fn explain(&self, message: &str) -> Option<ErrorExplanation<'_>> {
        let captures = match &self.pattern {
            Some(pattern) => Some(pattern.captures(message)?),
            None => None,
        };
        let fill = |text: &str| captures.as_ref().map_or_else(|| text.to_owned(), |captures| fill(text, captures));
        Some(ErrorExplanation {
            error_type: &self.error_type,
            title: fill(&self.title),
            meaning: fill(&self.meaning),
            look: fill(&self.look),
            topic: &self.topic,
        })
    }
}

/// The names in `{name}`: lower-case letters and underscores only, so that Python's `{}` and f-strings can be shown.
fn placeholders(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(name, _)| name)
        .filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn fill(text: &str, captures: &Captures<'_>) -> String {
    placeholders(text).fold(text.to_owned(), |filled, name| {
        let value = captures.name(name).map_or("", |value| value.as_str());
        // Inside a code span a backtick would end it.
        filled.replace(&format!("{{{name}}}"), &value.replace('`', "'"))
    })
}
