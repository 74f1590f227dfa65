//! Quiz questions.

use serde::Deserialize;
use toml::Spanned;

use crate::source::{Problem, Source, is_kebab_case};

/// A multiple-choice question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuizQuestion {
    /// Kebab-case, unique in the topic.
    pub id: String,
    /// The question, as Markdown.
    pub text: String,
    /// The Python program that the question is about, shown under the text.
    pub code: Option<String>,
    /// What the question asks about its code; none for any other question.
    pub asks: Option<Asks>,
    /// Three to five, all different, exactly one of them correct.
    pub options: Vec<QuizOption>,
}

impl QuizQuestion {
    /// The place of the correct option, from 0.
    pub fn correct(&self) -> usize {
        self.options.iter().position(|option| option.correct).unwrap_or_default()
    }
}

/// What a question asks about its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Asks {
    /// What it prints: the text of the correct option.
    Output,
    /// How it fails: the text of the correct option begins with the exception's type.
    Error,
}

/// An answer to choose.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuizOption {
    /// The answer, as Markdown, or as plain text if the question asks for an output or an error.
    pub text: String,
    /// Whether it is the right one.
    #[serde(default)]
    pub correct: bool,
    /// Why it is right, or which mistake leads to it.
    pub explanation: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuizFields {
    pub(crate) id: Spanned<String>,
    text: Spanned<String>,
    code: Option<Spanned<String>>,
    asks: Option<Spanned<Asks>>,
    #[serde(default)]
    options: Vec<Spanned<QuizOption>>,
}

impl QuizFields {
    /// What is wrong with the question that begins at `start`.
    pub(crate) fn check(&self, source: &Source, start: usize, problems: &mut Vec<Problem>) {
        let mut refuse = |position, reason: String| problems.push(source.problem_at(position, reason));
        let id = self.id.get_ref();
        if !is_kebab_case(id) {
            refuse(self.id.span().start, format!("the id {id:?} must be lower-case words joined by hyphens"));
        }
        if self.text.get_ref().trim().is_empty() {
            refuse(self.text.span().start, "the question is empty".to_owned());
        }
        if self.code.as_ref().is_some_and(|code| code.get_ref().trim().is_empty()) {
            refuse(start, format!("the code of quiz question {id:?} is empty: leave the field out"));
        }
        if let (Some(asks), None) = (&self.asks, &self.code) {
            refuse(asks.span().start, "`asks` needs `code`: it says what to find out about the code".to_owned());
        }
        if !(3..=5).contains(&self.options.len()) {
            refuse(start, format!("the quiz question {id:?} has {} options: give 3 to 5", self.options.len()));
        }
        let correct = self.options.iter().filter(|option| option.get_ref().correct).count();
        if correct != 1 {
            refuse(start, format!("the quiz question {id:?} has {correct} correct options: mark exactly one"));
        }
        for (number, option) in self.options.iter().enumerate() {
            let (position, option) = (option.span().start, option.get_ref());
            if option.text.trim().is_empty() {
                refuse(position, "this option's text is empty".to_owned());
            }
            if option.explanation.trim().is_empty() {
                refuse(position, "this option's explanation is empty".to_owned());
            }
            if self.options[..number].iter().any(|other| other.get_ref().text.trim() == option.text.trim()) {
                refuse(position, format!("the option {:?} is there twice", option.text.trim()));
            }
        }
    }

    pub(crate) fn into_question(self) -> QuizQuestion {
        QuizQuestion {
            id: self.id.into_inner(),
            text: self.text.into_inner(),
            code: self.code.map(Spanned::into_inner),
            asks: self.asks.map(Spanned::into_inner),
            options: self.options.into_iter().map(Spanned::into_inner).collect(),
        }
    }
}
