use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// Collects what is wrong with a request, field by field, so that its sender learns of everything at once.
#[derive(Default)]
pub struct Violations {
    fields: Vec<(String, String)>,
    too_large: bool,
}

/// `ErrorInfo.reason` of a request that is too large; over HTTP it becomes 413.
pub const TOO_LARGE: &str = "TOO_LARGE";
/// `ErrorInfo.reason` of a caller who asks too often; over HTTP it becomes 429.
pub const TOO_MANY: &str = "TOO_MANY_REQUESTS";
/// `ErrorInfo.domain` of LearnFlow's reasons.
pub const DOMAIN: &str = "learnflow";

impl Violations {
    /// Notes `message` about `field` unless `holds`.
    pub fn check(&mut self, holds: bool, field: &str, message: impl FnOnce() -> String) -> &mut Self {
        if !holds {
            self.fields.push((field.to_owned(), message()));
        }
        self
    }

    /// Notes a text that is empty or longer than `most` bytes.
    pub fn text(&mut self, text: &str, field: &str, most: usize) -> &mut Self {
        self.check(!text.trim().is_empty(), field, || "must not be empty".to_owned()).at_most(text, field, most)
    }

    /// Notes a text longer than `most` bytes.
    pub fn at_most(&mut self, text: &str, field: &str, most: usize) -> &mut Self {
        self.check(text.len() <= most, field, || format!("is {} bytes long: at most {most} are allowed", text.len()))
    }

    /// Notes a document (code, a file, an error message) longer than `most` bytes.
    pub fn size(&mut self, text: &str, field: &str, most: usize) -> &mut Self {
        self.too_large |= text.len() > most;
        self.at_most(text, field, most)
    }

    /// Notes a word that is not one of `words`.
    pub fn one_of(&mut self, word: &str, field: &str, words: &[&str]) -> &mut Self {
        self.check(words.contains(&word), field, || format!("{word:?} is not one of {}", words.join(", ")))
    }

    /// `INVALID_ARGUMENT` with one field violation each, or nothing when nothing was noted.
    ///
    /// # Errors
    /// The status to answer with.
    pub fn finish(&mut self) -> Result<(), Status> {
        let mut details = ErrorDetails::new();
        if self.too_large {
            details.set_error_info(TOO_LARGE, DOMAIN, HashMap::new());
        }
        for (field, message) in &self.fields {
            details.add_bad_request_violation(field, message);
        }
        match self.fields.as_slice() {
            [] => Ok(()),
            [(field, message), ..] => {
                let summary = format!("{field}: {message}");
                Err(Status::with_error_details(Code::InvalidArgument, summary, details))
            }
        }
    }
}
