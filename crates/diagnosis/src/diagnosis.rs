//! From a program and its error to four hints.

use std::fmt::Write as _;

use learnflow_tutor::{PythonError, Query, Tutor};
use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions, parse};
use uuid::Uuid;

use crate::{
    cause::{self, Cause, Fix},
    guard::first_safe,
    mistakes::Mistake,
    program::Program,
    site::Site,
    tokens::tokens,
};

/// How many hints there are: a nudge, where, what, nearly the answer.
pub const STEPS: u32 = 4;

/// Room to parse, and to free again, a program that nests as deeply as its length allows. Only what is used of it becomes
/// memory.
const STACK_BYTES: usize = 128 << 20;

/// What is wrong with a program, and the way there in four steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The exception's name, such as `NameError`; empty if there was no error.
    pub error_type: String,
    /// Python's own message.
    pub message: String,
    /// The line Python names, from 1; 0 if unknown.
    pub line: u32,
    /// A heading in plain words (Markdown).
    pub title: String,
    /// What is wrong in plain words (Markdown). It doesn't say how to put it right.
    pub root_cause: String,
    /// The id of the topic to read; empty if there is none.
    pub topic: String,
    /// The hints as Markdown: a nudge, where to look, what it is, nearly the answer.
    pub hints: [String; STEPS as usize],
    /// The correction, if it can be told; for the last step only.
    pub solution: Option<Fix>,
    /// Whether the program itself showed the cause; otherwise the explanation rests on the error's message alone.
    pub is_from_program: bool,
    /// Names the mistake: the same as long as the line where it shows stays the same, spaces and comments aside.
    pub problem: String,
}

/// Explains the error that a program ended with. `report` is what Python said: a traceback or its last line. None if that
/// names no error.
pub fn diagnose(tutor: &Tutor, code: &str, report: &str) -> Option<Diagnosis> {
    stacker::grow(STACK_BYTES, || {
        let code = code.strip_prefix('\u{feff}').unwrap_or(code);
        let query = Query { code: Some(code), error: Some(report), ..Query::default() };
        let known = tutor.diagnose(&query)?;
        let parsed = parse(code, ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY311)).ok();
        let body =
            parsed.as_ref().and_then(|parsed| parsed.syntax().as_module()).map_or(&[][..], |module| &module.body);
        let program = Program::new(code, body);
        let site = Site::new(&program, &known.error, report);
        let cause = cause::find(&site);
        let mistake = Mistake::of(&known.error.error_type, &known.error.message);
        let topic = cause.as_ref().and_then(|cause| cause.topic);
        let topic = topic.filter(|id| tutor.curriculum().topic(id).is_some()).map_or(known.topic, str::to_owned);
        let texts = Texts { title: known.title, meaning: known.meaning, look: known.look };
        Some(assemble(&site, &texts, cause.as_ref(), mistake, topic))
    })
}

/// What the table says of an error.
struct Texts {
    title: String,
    meaning: String,
    look: String,
}

fn assemble(
    site: &Site<'_>,
    texts: &Texts,
    cause: Option<&Cause>,
    mistake: Option<&Mistake>,
    topic: String,
) -> Diagnosis {
    let error = site.error;
    let fix = cause.and_then(|cause| cause.fix.as_ref());
    let solution = fix.map(|fix| fix.text.trim_end().to_owned());
    let solution = solution.as_deref();
    let is_from_program = cause.is_some();
    let root = cause.map_or_else(|| texts.meaning.clone(), |cause| format!("{}. {}", texts.title, cause.root));
    let root_cause =
        first_safe([root, format!("{}. {}", texts.title, texts.meaning), format!("{}.", texts.title)], solution);
    let what = cause.map(|cause| cause.what.clone()).filter(|text| !text.is_empty());
    let nudge = first_safe(
        [texts.look.clone(), "Read the last line of the message slowly. What does Python say it met?".to_owned()],
        solution,
    );
    let place = first_safe(
        [place(site, cause, true), place(site, cause, false), "Look at the line that the message names.".to_owned()],
        solution,
    );
    let what = first_safe(
        [
            what.unwrap_or_default(),
            texts.meaning.clone(),
            "Say in words what the line should do, and compare with what it does.".to_owned(),
        ],
        solution,
    );
    let nearly = nearly(site, texts, cause, fix, mistake);
    Diagnosis {
        error_type: error.error_type.clone(),
        message: error.message.clone(),
        line: site.line,
        title: texts.title.clone(),
        root_cause,
        topic,
        hints: [nudge, place, what, nearly],
        solution: fix.cloned(),
        is_from_program,
        problem: problem(error, site.text()),
    }
}

/// The second hint: where.
fn place(site: &Site<'_>, cause: Option<&Cause>, with_part: bool) -> String {
    let mut text = String::new();
    let line = site.line;
    let source = site.text().trim();
    if line == 0 {
        text.push_str("The message doesn't say in which line it happened. Run the program again and look for `line` in the message.");
    } else if source.is_empty() {
        let _ = write!(text, "Python noticed it in line {line}.");
    } else {
        // More backticks than anybody writes into a line of Python.
        let _ = write!(text, "Python noticed it in line {line}:\n\n`````python\n{source}\n`````");
    }
    if let Some(function) = &site.error.function {
        let _ = write!(text, "\n\nThat is in the function {}.", cause::code(function));
    }
    let Some(cause) = cause.filter(|_| with_part) else { return text };
    if let Some(part) = cause.part.as_ref().filter(|part| !part.trim().is_empty()) {
        let _ = write!(text, "\n\nThe part that matters is {}.", cause::code(part));
    }
    if let Some(other) = cause.line.filter(|other| *other != line) {
        let _ = write!(text, "\n\nThe cause is in line {other}.");
    }
    text
}

/// The last hint.
fn nearly(
    site: &Site<'_>,
    texts: &Texts,
    cause: Option<&Cause>,
    fix: Option<&Fix>,
    mistake: Option<&Mistake>,
) -> String {
    let mut text =
        cause.map(|cause| cause.almost.clone()).filter(|text| !text.is_empty()).unwrap_or_else(|| texts.look.clone());
    if let Some(fix) = fix {
        let place = if fix.is_new {
            format!("A new line before line {}", fix.line)
        } else {
            format!("Line {} then reads", fix.line)
        };
        let _ = write!(text, "\n\n{place}:\n\n`````python\n{}\n`````", fix.text.trim());
        return text;
    }
    if let Some(mistake) = mistake {
        if let Some(broken) = mistake.broken.filter(|broken| broken.trim() != site.program.code.trim()) {
            let _ = write!(text, "\n\nA mistake of the same kind:\n\n`````python\n{}\n`````", broken.trim_end());
        }
        let _ = write!(text, "\n\nand without it:\n\n`````python\n{}\n`````", mistake.fixed.trim_end());
    }
    text
}

/// The namespace of the names of problems.
const PROBLEMS: Uuid = Uuid::from_u128(0x0c3a_6e1b_54f7_4d0e_9a52_7d1f_83b6_2ce4);

/// A name for an error at a place: type, function and the line's signs, so that work elsewhere in the program, another
/// indentation or a comment leave it as it is.
fn problem(error: &PythonError, line: &str) -> String {
    let mut site = format!("{}\n{}", error.error_type, error.function.as_deref().unwrap_or_default());
    for token in tokens(line) {
        site.push('\n');
        site.push_str(token.text);
    }
    if line.trim().is_empty() {
        site.push_str(&error.message);
    }
    Uuid::new_v5(&PROBLEMS, site.as_bytes()).to_string()
}

/// A name for a problem without an error.
pub(crate) fn problem_of(kind: &str, detail: &str) -> String {
    Uuid::new_v5(&PROBLEMS, format!("{kind}\n{detail}").as_bytes()).to_string()
}
