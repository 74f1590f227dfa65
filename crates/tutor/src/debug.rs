//! Explaining what went wrong in a program: a nudge, not the solution.

use learnflow_curriculum::Level;

use crate::{Query, Reply, Tutor, explain::write_to, python_error::PythonError};

/// What an error is about, for answers with a form of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The error as far as it could be read. Its type is that of the table if the student gave only the message.
    pub error: PythonError,
    /// A heading in plain words (Markdown).
    pub title: String,
    /// What happened (Markdown).
    pub meaning: String,
    /// Where to look first (Markdown).
    pub look: String,
    /// The id of the topic to read.
    pub topic: String,
}

/// How much of an error message is read, in bytes, from its end: what matters stands there.
const READ_MOST: usize = 16_000;

/// The topics for errors that the table doesn't know, if the curriculum has them.
const CUSTOM_ERROR_TOPIC: &str = "custom-exceptions";
const DEBUGGING_TOPIC: &str = "debugging-techniques";

impl Tutor {
    /// Reads the error of a question, from its `error` or else its text, and says what it means. None if there is none.
    pub fn diagnose(&self, query: &Query<'_>) -> Option<Diagnosis> {
        let texts = [query.error.unwrap_or_default(), query.text].map(end_of);
        let (mut error, known) = if let Some(error) = self.named_error(&texts) {
            let known = self.curriculum.explain_error(&error.error_type, &error.message);
            (error, known)
        } else {
            let (text, known) =
                texts.iter().find_map(|text| Some((text, self.curriculum.explain_error_message(text)?)))?;
            let message = text.trim().to_owned();
            let error = PythonError { error_type: known.error_type.to_owned(), message, ..PythonError::default() };
            (error, Some(known))
        };
        if error.source.is_none() {
            error.source = error.line.zip(query.code).and_then(|(line, code)| source_line(code, line));
        }
        let Some(known) = known else { return Some(self.unknown_type(error)) };
        let (title, meaning, look, topic) = (known.title, known.meaning, known.look, known.topic.to_owned());
        Some(Diagnosis { error, title, meaning, look, topic })
    }

    /// Explains an error in plain words, points at the line, gives a nudge and the topic to read. Without an error message
    /// it says how to get one, or how to search for a mistake that raises none.
    pub fn explain_error(&self, query: &Query<'_>, level: Level) -> Reply {
        let Some(diagnosis) = self.diagnose(query) else { return self.without_error(query) };
        let Diagnosis { error, title, meaning, look, topic } = diagnosis;
        let mut text = format!("**`{}`", error.error_type);
        if let Some(line) = error.line {
            write_to(&mut text, format_args!(" in line {line}"));
        }
        if let Some(function) = &error.function {
            write_to(&mut text, format_args!(", in the function `{}`", function.replace('`', "'")));
        }
        write_to(&mut text, format_args!(".** {title}."));
        if let Some(source) = &error.source {
            // More backticks than anybody writes into a line of Python.
            write_to(&mut text, format_args!("\n\n`````python\n{source}\n`````"));
        }
        // Who knows the topic well only needs the nudge.
        if level <= Level::Learning {
            write_to(&mut text, format_args!("\n\n**What it means.** {meaning}"));
        }
        write_to(&mut text, format_args!("\n\n**Where to look.** {look}"));
        if let Some(name) = &error.suggestion {
            let name = name.replace('`', "'");
            write_to(&mut text, format_args!(" Python itself guesses that `{name}` may be meant: compare the two."));
        }
        if let Some(earlier) = &error.earlier {
            write_to(
                &mut text,
                format_args!(
                    "\n\nBefore it there was a `{earlier}`, higher up in the message. Often that one is the real cause."
                ),
            );
        }
        let topic = self.curriculum.topic(&topic);
        if let Some(topic) = topic {
            write_to(&mut text, format_args!("\n\n**To read:** *{}*.", topic.title));
        }
        Reply { topic: topic.map(|topic| topic.id.clone()), level: level.min(Level::Proficient), markdown: text }
    }

    /// An exception that isn't in the table: one that the program or a package defines.
    fn unknown_type(&self, error: PythonError) -> Diagnosis {
        let name = &error.error_type;
        let meaning = if error.message.is_empty() {
            format!(
                "I don't know `{name}` as one of Python's own exceptions, so your program or a module it uses defines it."
            )
        } else {
            let message = error.message.replace('`', "'");
            format!(
                "I don't know `{name}` as one of Python's own exceptions, so your program or a module it uses defines it. \
                 Its message is what its author wanted to tell you: `{message}`"
            )
        };
        let topic = [CUSTOM_ERROR_TOPIC, DEBUGGING_TOPIC].into_iter().find(|id| self.curriculum.topic(id).is_some());
        Diagnosis {
            title: "An exception that isn't built into Python".to_owned(),
            meaning,
            look: format!("Search for `raise {name}`: under which condition is that line reached?"),
            topic: topic.unwrap_or_default().to_owned(),
            error,
        }
    }

    /// The topic of the error that a question names or brings along. Cheaper than a diagnosis: a sentence isn't searched for
    /// messages, since the words of a message lead to its topic by themselves.
    pub(crate) fn error_topic(&self, query: &Query<'_>) -> Option<String> {
        if query.error.is_some_and(|error| !error.trim().is_empty()) {
            return self.diagnose(query).map(|diagnosis| diagnosis.topic);
        }
        let error = self.named_error(&[end_of(query.text)])?;
        Some(self.curriculum.explain_error(&error.error_type, &error.message)?.topic.to_owned())
    }

    fn named_error(&self, texts: &[&str]) -> Option<PythonError> {
        texts.iter().find_map(|text| PythonError::parse(text)).or_else(|| self.loosely_named(texts))
    }

    /// "I get a key error": a built-in exception named in the student's own spelling.
    fn loosely_named(&self, texts: &[&str]) -> Option<PythonError> {
        texts.iter().find_map(|text| {
            let joined: String = text.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect();
            if !joined.contains("error") {
                return None;
            }
            let types = self.curriculum.errors().iter().map(|entry| &entry.error_type);
            let named = types.filter(|name| name.ends_with("Error") && joined.contains(&name.to_lowercase()));
            // The longest: "ModuleNotFoundError", not some shorter name inside it.
            let error_type = named.max_by_key(|name| name.len())?.clone();
            Some(PythonError { error_type, ..PythonError::default() })
        })
    }

    fn without_error(&self, query: &Query<'_>) -> Reply {
        let mut text = String::from("I can't see an error message in your question.");
        text.push_str(
            "\n\n- **Python shows an error:** send me the whole message. Its last line says what happened, and the line \
             above it says where.\n- **There is no error, but the result is wrong:** choose one input for which you \
             know the right answer. Print the variables after each step. At the first step where a value isn't what you \
             expect, you have found the place.\n- **Nothing happens, or it never ends:** look at the loops. What makes \
             each condition false?",
        );
        let found = self.find_topic(query);
        let related = found.topic.filter(|_| found.about_python && found.confidence > crate::Confidence::Unsure);
        let topic = related.or_else(|| self.curriculum.topic(DEBUGGING_TOPIC));
        if let Some(topic) = topic {
            write_to(&mut text, format_args!("\n\n**To read:** *{}*.", topic.title));
        }
        Reply { topic: topic.map(|topic| topic.id.clone()), level: Level::Beginner, markdown: text }
    }
}

fn source_line(code: &str, line: u32) -> Option<String> {
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    code.lines().nth(index).map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned)
}

fn end_of(text: &str) -> &str {
    &text[text.ceil_char_boundary(text.len().saturating_sub(READ_MOST))..]
}
