use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

/// Hints beyond this number, or longer than this, are no hints.
const MOST_HINTS: usize = 4;
const LONGEST_HINT: usize = 2_000;

/// A structured answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reply {
    /// The answer as Markdown.
    pub markdown: String,
    /// A topic id of the curriculum; empty when none fits.
    #[serde(default)]
    pub topic: String,
    /// From a nudge to nearly the answer; may be empty.
    #[serde(default, deserialize_with = "nothing_is_empty")]
    pub hints: Vec<String>,
}

/// What the model wrote is no [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It is not JSON of the right shape, not even when repaired.
    #[error("it is not the JSON asked for")]
    Shape,
    /// The Markdown is blank, or there are too many hints, or too long ones.
    #[error("its fields are blank or too long")]
    Content,
}

impl Reply {
    /// The JSON schema that the model is asked to keep to.
    pub fn schema() -> Value {
        json!({
            "type": "object",
            "properties": {
                "markdown": { "type": "string", "description": "the answer as Markdown" },
                "topic": { "type": "string", "description": "the id of the topic, or an empty string" },
                "hints": {
                    "type": ["array", "null"],
                    "items": { "type": "string" },
                    "description": "at most 4, from a nudge to nearly the answer"
                },
            },
            "required": ["markdown", "topic", "hints"],
            "additionalProperties": false,
        })
    }

    /// Reads what the model wrote, repaired if need be: without what stands around the JSON, such as a code fence, and
    /// without commas before closing brackets.
    ///
    /// # Errors
    /// [`ReplyError`], when it cannot be used.
    pub fn parse(text: &str) -> Result<Self, ReplyError> {
        let reply: Self = read(text)?;
        let blank = reply.markdown.trim().is_empty() || reply.hints.iter().any(|hint| hint.trim().is_empty());
        let long = reply.hints.len() > MOST_HINTS || reply.hints.iter().any(|hint| hint.len() > LONGEST_HINT);
        if blank || long { Err(ReplyError::Content) } else { Ok(reply) }
    }

    /// Everything of it that a student gets to read.
    pub(crate) fn shown(&self) -> String {
        [&self.markdown].into_iter().chain(&self.hints).map(String::as_str).collect::<Vec<_>>().join("\n\n")
    }
}

/// Reads JSON, repaired if need be.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Result<T, ReplyError> {
    serde_json::from_str(text).or_else(|_| serde_json::from_str(&repaired(text))).map_err(|_| ReplyError::Shape)
}

fn nothing_is_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// From the first brace to the last, without commas that nothing follows.
fn repaired(text: &str) -> String {
    let (Some(from), Some(to)) = (text.find('{'), text.rfind('}')) else { return String::new() };
    let mut repaired = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in text.get(from..=to).unwrap_or_default().chars() {
        if !in_string && matches!(character, '}' | ']') {
            let kept = repaired.trim_end().strip_suffix(',').map(str::len);
            repaired.truncate(kept.unwrap_or(repaired.len()));
        }
        (in_string, escaped) = match character {
            '"' if !escaped => (!in_string, false),
            '\\' if in_string => (true, !escaped),
            _ => (in_string, false),
        };
        repaired.push(character);
    }
    repaired
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model use: structured output is validated, repaired once, or rejected.
    #[test]
    fn replies_are_read_repaired_or_rejected() {
        let reply = |markdown: &str, topic: &str, hints: &[&str]| {
            let hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
            Ok(Reply { markdown: markdown.to_owned(), topic: topic.to_owned(), hints })
        };
        let cases = [
            (r#"{"markdown": "a", "topic": "lists", "hints": ["h"]}"#.to_owned(), reply("a", "lists", &["h"])),
            (r#"{"markdown": "a", "topic": "", "hints": null}"#.to_owned(), reply("a", "", &[])),
            ("```json\n{\"markdown\": \"a\"}\n```".to_owned(), reply("a", "", &[])),
            ("Here you are: {\"markdown\": \"a\", \"hints\": [\"h\",],\n}".to_owned(), reply("a", "", &["h"])),
            // A comma and braces inside of a string are the student's to read.
            (r#"{"markdown": "{x,} \"q,]\\", "topic": "t",}"#.to_owned(), reply("{x,} \"q,]\\", "t", &[])),
            ("plain text".to_owned(), Err(ReplyError::Shape)),
            (r#"{"markdown": "cut of"#.to_owned(), Err(ReplyError::Shape)),
            (r#"{"topic": "lists"}"#.to_owned(), Err(ReplyError::Shape)),
            (r#"{"markdown": 3}"#.to_owned(), Err(ReplyError::Shape)),
            (r#"{"markdown": "  "}"#.to_owned(), Err(ReplyError::Content)),
            (r#"{"markdown": "a", "hints": [""]}"#.to_owned(), Err(ReplyError::Content)),
            (r#"{"markdown": "a", "hints": ["1","2","3","4","5"]}"#.to_owned(), Err(ReplyError::Content)),
            (format!(r#"{{"markdown": "a", "hints": ["{}"]}}"#, "x".repeat(2_001)), Err(ReplyError::Content)),
            ("}{".to_owned(), Err(ReplyError::Shape)),
        ];
        for (text, expected) in cases {
            assert_eq!(Reply::parse(&text), expected, "{text}");
        }
    }
}
