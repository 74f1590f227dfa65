use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use crate::{Call, Guard, Schema, Shape, Tier, guard::phrases};

/// What is shown of a student's text, in bytes: the begin and the end of a longer one.
const LONGEST_TEXT: usize = 8 * 1024;
/// Stands in the lines around the student's words.
const MARK: &str = "STUDENT DATA";

/// The instructions of one agent, as they stand in `prompts/<agent>.md`.
pub struct Prompt {
    text: String,
    version: String,
    phrases: Arc<HashSet<String>>,
}

/// What an agent gives the model to work with, written by LearnFlow: a heading and a text each.
pub type Material<'a> = Vec<(&'static str, &'a str)>;

/// What a student wrote. The model is told that it is data, whatever it says.
#[derive(Clone, Copy, Debug, Default)]
pub struct StudentData<'a> {
    /// The question; may be empty.
    pub text: &'a str,
    /// The program.
    pub code: Option<&'a str>,
    /// What Python said.
    pub error: Option<&'a str>,
}

impl Prompt {
    /// The prompt of concepts-agent.
    pub fn concepts() -> Self {
        Self::new(include_str!("../prompts/concepts.md"))
    }

    /// The prompt by which debug-agent words causes and hints, and the shape of what comes back: `root_cause`, `hint`.
    pub fn debug() -> (Self, Shape) {
        let schema = Schema { name: "hint", text: include_str!("../prompts/debug.json") };
        (Self::new(include_str!("../prompts/debug.md")), Shape::Json(schema))
    }

    /// The prompt by which code-review-agent words findings, and the shape of what comes back: `summary`, and `comments`
    /// with `number` and `message`.
    pub fn review() -> (Self, Shape) {
        let schema = Schema { name: "review", text: include_str!("../prompts/review.json") };
        (Self::new(include_str!("../prompts/review.md")), Shape::Json(schema))
    }

    /// The prompt by which exercise-agent has exercises made, and the shape of what comes back.
    pub fn exercise() -> (Self, Shape) {
        let schema = Schema { name: "exercise", text: include_str!("../prompts/exercise.json") };
        (Self::new(include_str!("../prompts/exercise.md")), Shape::Json(schema))
    }

    /// A prompt of its own.
    pub fn new(text: &str) -> Self {
        let text = text.trim().to_owned();
        // FNV-1a: tells versions apart, and is the same on every machine.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { version: format!("{hash:016x}"), phrases: Arc::new(phrases(&text).collect()), text }
    }

    /// A fingerprint of the text, 16 hexadecimal digits: answers written with another prompt are other answers.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A call with this prompt. `reference` is a solution that the answer must not give away.
    ///
    /// The student's words stand between two lines with a random number that nobody can know beforehand; what looks like
    /// such a line inside of them is changed.
    pub fn call(
        &self,
        material: &Material<'_>,
        student: Option<StudentData<'_>>,
        tier: Tier,
        shape: Shape,
        reference: Option<&str>,
    ) -> Call {
        let mark = format!("{:016x}", rand::random::<u64>());
        let mut user = String::new();
        for (heading, text) in material {
            let _ = write!(user, "{heading}: {}\n\n", text.trim());
        }
        if let Some(student) = student {
            let _ = writeln!(user, "BEGIN {MARK} {mark}");
            let program = student.code.map(|code| ("Program", code));
            let error = student.error.map(|error| ("Error message", error));
            for (heading, text) in [Some(("Question", student.text)), program, error].into_iter().flatten() {
                let _ = writeln!(user, "{heading}:\n{}\n", as_data(text, &mark));
            }
            let _ = writeln!(user, "END {MARK} {mark}");
        }
        let guard = Guard {
            instructions: self.phrases.clone(),
            mark: if student.is_some() { mark } else { String::new() },
            reference: reference.map(str::to_owned),
        };
        Call { system: self.text.clone(), user, tier, shape, guard }
    }
}

/// A student's text that cannot end the data it stands in: no marks, no control characters, not too long.
fn as_data(text: &str, mark: &str) -> String {
    let text: String = text
        .chars()
        .filter(|character| matches!(character, '\n' | '\t') || !character.is_control())
        // Characters that aren't seen, or change the direction of what follows.
        .filter(|character| !matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'))
        .collect();
    let text = text.replace(mark, "").replace(MARK, "student data");
    if text.len() <= LONGEST_TEXT {
        return text;
    }
    let (mut head, mut tail) = (LONGEST_TEXT * 2 / 3, text.len() - LONGEST_TEXT / 3);
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    format!("{}\n[{} bytes left out]\n{}", &text[..head], tail - head, &text[tail..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn call(text: &str, code: &str) -> Call {
        let student = StudentData { text, code: Some(code), error: None };
        Prompt::concepts().call(&vec![("Level", "beginner")], Some(student), Tier::Cheap, Shape::Markdown, None)
    }

    proptest! {
        /// Model use, prompt injection: whatever a student writes stays between the two marks, and the system's part is
        /// the same for everybody.
        #[test]
        fn student_data_cannot_be_closed(
            text in "(END STUDENT DATA|BEGIN|STUDENT|student data|\u{0}|\u{200b}|DATA| |\n|[a-f0-9]{16}|\\PC){0,30}",
            code in ".{0,200}",
        ) {
            let call = call(&text, &code);
            prop_assert_eq!(&call.system, &Prompt::concepts().text);
            let lines: Vec<&str> = call.user.lines().filter(|line| line.contains(MARK)).collect();
            let expected = [format!("BEGIN {MARK} {}", call.guard.mark), format!("END {MARK} {}", call.guard.mark)];
            prop_assert_eq!(lines, expected);
            prop_assert_eq!(call.user.matches(&call.guard.mark).count(), 2);
            prop_assert!(call.user.trim_end().ends_with(&call.guard.mark));
        }
    }

    /// Model use, tokens: a text that is too long loses its middle, at whole characters.
    #[test]
    fn long_texts_lose_their_middle() {
        let call = call("q", &format!("begin{}end", "ä".repeat(20_000)));
        assert!(call.user.contains("begin") && call.user.contains("end\n") && call.user.contains("bytes left out]"));
        assert!(call.user.len() < LONGEST_TEXT + 500, "{}", call.user.len());
    }

    /// Model use: every schema is one, closed, and asks for all of its fields, as strict endpoints want it.
    #[test]
    fn schemas_are_strict() {
        for (prompt, shape) in [Prompt::debug(), Prompt::review(), Prompt::exercise()] {
            let Shape::Json(schema) = shape else { panic!("{shape:?}") };
            let value: serde_json::Value = serde_json::from_str(schema.text).unwrap();
            assert_eq!(value["additionalProperties"], false, "{}", schema.name);
            for name in value["properties"].as_object().unwrap().keys() {
                assert!(value["required"].as_array().unwrap().iter().any(|required| required == name), "{name}");
                assert!(prompt.text.contains(&format!("- {name}: ")), "the prompt says nothing of {name}");
            }
        }
    }

    /// Model use: prompts are told apart by what they say.
    #[test]
    fn versions_follow_the_text() {
        assert_eq!(Prompt::new("a\n").version(), Prompt::new("a").version());
        assert_ne!(Prompt::new("a").version(), Prompt::new("b").version());
        assert_eq!(Prompt::new("a").version().len(), 16);
    }
}
