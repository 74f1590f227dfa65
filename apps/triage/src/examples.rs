//! Labelled questions.

use serde::Deserialize;

/// The kinds of questions; the last one is for those that nobody can tell.
pub const KINDS: [&str; 5] = ["concepts", "debug", "code-review", "exercise", "unclear"];

/// The place of the last kind.
pub(crate) const UNCLEAR: usize = KINDS.len() - 1;

/// A question and where it belongs.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Example {
    /// One of [`KINDS`].
    pub kind: String,
    pub text: String,
    pub code: Option<String>,
    pub error: Option<String>,
}

/// Reads a JSON object per line.
pub fn parse(lines: &str) -> Result<Vec<Example>, serde_json::Error> {
    lines.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect()
}

/// What the classifier learns from.
pub fn all() -> Result<Vec<Example>, serde_json::Error> {
    let files = [
        include_str!("../data/concepts.jsonl"),
        include_str!("../data/debug.jsonl"),
        include_str!("../data/code-review.jsonl"),
        include_str!("../data/exercise.jsonl"),
        include_str!("../data/unclear.jsonl"),
    ];
    files.into_iter().map(parse).collect::<Result<Vec<_>, _>>().map(|parts| parts.concat())
}
