//! Reviews Python programs for learners: what was found, line by line and in words a beginner understands; how complex
//! each function is; and a rating from 0 to 100 whose parts are shown.
//!
//! Findings come from two sources. `ruff_linter`, embedded, runs a chosen part of ruff's rules with the scope analysis
//! they rest on; each has an explanation here, in `ruff/`. What beginners get wrong and linters don't look for is found
//! by checks of this crate's own, in `checks/`. A finding of ruff's carries the rule's name and code there (`B006`), so
//! that documentation can link it; own findings carry a name only.
//!
//! Precision comes before recall: category [`Category::Bug`] is for what is wrong whatever the rest of the program does.
//! What is merely unusual is a matter of readability.
//!
//! The rating is described at [`Review::rating`].

mod checks;
mod complexity;
mod markdown;
mod model;
mod praise;
mod program;
mod rating;
mod ruff;
mod rules;
mod syntax;
mod walk;

pub use model::{Category, Comment, FunctionComplexity, Part, Review, Severity, Tests};
pub use rules::{RuleInfo, rules};

use learnflow_curriculum::Level;
use model::Report;
use ruff_python_ast::PythonVersion;
use ruff_python_parser::{Mode, ParseOptions, parse};

/// The Python that students' programs run on.
const PYTHON: PythonVersion = PythonVersion::PY311;

/// Expressions and blocks nested deeper than this are not looked at: Python refuses most of them too.
const DEEPEST: usize = 150;

/// Room to parse, and to free again, a program that nests as deeply as its length allows. Only what is used of it becomes
/// memory.
const STACK_BYTES: usize = 128 << 20;

/// Reviews a program for a student of a level. Any text gives a review: one that isn't Python gets a single comment, in
/// the line where Python stops reading.
pub fn review(code: &str, level: Level) -> Review {
    stacker::grow(STACK_BYTES, || reviewed(code, level))
}

fn reviewed(code: &str, level: Level) -> Review {
    let code = code.strip_prefix('\u{feff}').unwrap_or(code);
    let parsed = match parse(code, ParseOptions::from(Mode::Module).with_target_version(PYTHON)) {
        Ok(parsed) => parsed,
        Err(error) => return syntax::review(code, &error),
    };
    let Some(module) = parsed.syntax().as_module() else { return syntax::unreadable() };
    if walk::deeper_than(&module.body, DEEPEST) {
        return syntax::too_deep();
    }
    let mut report = Report::new(code, level);
    let program = program::Program::new(code, &module.body);
    if let Err(error) = ruff::lint(code, &program, &mut report) {
        return syntax::refused(&error);
    }
    checks::run(&program, &mut report);
    let functions = complexity::measure(&program, &mut report);
    let praise = praise::find(&program, &report);
    report.finish(functions, praise)
}
