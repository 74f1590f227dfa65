//! Programs that go wrong without an exception: a wrong result, or no end.

use std::fmt::Write as _;

use ruff_python_ast::{Expr, PythonVersion, Stmt};
use ruff_python_parser::{Mode, ParseOptions, parse};
use ruff_text_size::Ranged;

use crate::{
    Diagnosis, Suspect,
    cause::code,
    diagnosis::problem_of,
    program::{Node, Program, walk, walk_value},
};

const STACK_BYTES: usize = 128 << 20;

/// The first test that fails. What a student may not know of a hidden one is left out.
#[derive(Clone, Copy, Debug, Default)]
pub struct Failed<'a> {
    /// The test's name.
    pub name: &'a str,
    /// The call, or what the program reads.
    pub input: Option<&'a str>,
    /// What should come out.
    pub expected: Option<&'a str>,
    /// What comes out.
    pub actual: Option<&'a str>,
    /// A sentence on the first value that differs.
    pub difference: Option<&'a str>,
    /// Names the problem, such as the exercise; the code names itself otherwise.
    pub problem: Option<&'a str>,
    /// How many tests passed.
    pub passed: usize,
    /// How many tests there are.
    pub total: usize,
}

/// Explains a result that isn't the one a test expects. The suspects are [`crate::suspects`] of the same code.
pub fn wrong_result(source: &str, failed: &Failed<'_>, suspects: &[Suspect], topic: &str) -> Diagnosis {
    let Failed { name, input, expected, actual, difference, problem, passed, total } = *failed;
    let mut message = format!("{passed} of {total} tests pass; the first that fails is {}.", code(name));
    if let Some(difference) = difference {
        let _ = write!(message, " {difference}");
    }
    let shown = input.map_or_else(
        || "one of the tests you can't see".to_owned(),
        |input| format!("the input\n\n`````\n{}\n`````\n", input.trim_end()),
    );
    let mut root = format!("The program runs without an error, but for {shown}");
    root.push_str(match (expected, actual) {
        (Some(_), Some(_)) => "it gives another result than expected.",
        _ => " its result is not the expected one.",
    });
    if let (Some(expected), Some(actual)) = (expected, actual) {
        let _ = write!(
            root,
            "\n\nExpected:\n\n`````\n{}\n`````\n\nThe program's result:\n\n`````\n{}\n`````",
            expected.trim_end(),
            actual.trim_end()
        );
    }
    if let Some(difference) = difference {
        let _ = write!(root, "\n\nWhat differs: {difference}.");
    }
    let nudge = input.map_or_else(
        || "A test with an unusual input fails: think of empty values, 0, negative numbers, a single item, equal items. What should happen for each, and what does?".to_owned(),
        |_| "Do by hand what the program should do for this input, step by step, and write the values down. Then print the same values in the program: where do the two part?".to_owned(),
    );
    let top: Vec<&Suspect> = suspects.iter().take(3).collect();
    let lines: Vec<&str> = source.lines().collect();
    let text = |line: u32| {
        usize::try_from(line).ok().and_then(|line| lines.get(line.checked_sub(1)?)).map_or("", |text| text.trim())
    };
    let place = if top.is_empty() {
        "No line of the program can be told from the others by the tests. Begin where the result is computed."
            .to_owned()
    } else {
        let list: Vec<String> =
            top.iter().map(|suspect| format!("- line {}: {}", suspect.line, code(text(suspect.line)))).collect();
        let list = list.join("\n");
        format!(
            "Among the lines that the failing tests run through, these are the most suspicious, the first one most:\n\n{list}"
        )
    };
    let what = top.first().map_or_else(
        || "Which test passes, which fails, and what is different about their inputs?".to_owned(),
        |first| format!("In line {}, {}: {}", first.line, code(text(first.line)), ask(text(first.line))),
    );
    let nearly = match (top.first(), expected) {
        (Some(first), Some(expected)) => format!(
            "Print the values of line {} just before it runs, for the failing input. One of them, or what the line makes of them, doesn't lead to {}. {}",
            first.line,
            code(expected),
            borders(text(first.line))
        ),
        (Some(first), None) => format!(
            "Try line {} with the unusual inputs: what does it give, and what should it give? {}",
            first.line,
            borders(text(first.line))
        ),
        (None, _) => {
            "Take the failing input, print every value on the way, and compare with what you worked out by hand."
                .to_owned()
        }
    };
    Diagnosis {
        error_type: String::new(),
        message,
        line: top.first().map_or(0, |suspect| suspect.line),
        title: "The result isn't the expected one".to_owned(),
        root_cause: root,
        topic: topic.to_owned(),
        hints: [nudge, place, what, nearly],
        solution: None,
        is_from_program: !top.is_empty(),
        problem: problem.map_or_else(|| problem_of("wrong-result", name), str::to_owned),
    }
}

/// A question about a line.
fn ask(line: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if line.starts_with("return") {
        "is this the value that should come out, and at this moment, not earlier or later?"
    } else if has(&["range("]) {
        "with which number does it begin, and which is the last? Write the first and the last round down."
    } else if line.starts_with("while") {
        "after which round should it stop, and after which does it?"
    } else if line.starts_with("if") || line.starts_with("elif") {
        "for which values is the condition true? What about the value exactly at the border?"
    } else if has(&["+=", "-=", "*=", "/="]) {
        "what does the variable begin with, and what is it after the first and after the last round?"
    } else if has(&["["]) {
        "which position or key is asked for in the first and in the last step?"
    } else {
        "what is its result for the failing input, and what should it be?"
    }
}

/// What is most often wrong about such a line.
fn borders(line: &str) -> &'static str {
    let has = |words: &[&str]| words.iter().any(|word| line.contains(word));
    if has(&["<=", ">=", "<", ">"]) {
        "Most often it is the border: with or without the `=`, or the wrong direction."
    } else if has(&["range("]) {
        "Most often `range` begins or ends one too early: its end is not included."
    } else if has(&[" and ", " or ", "not "]) {
        "Most often `and` and `or` are mixed up, or a `not` is too much."
    } else if has(&["//", "/", "%"]) {
        "Most often it is the kind of division: `/` keeps the fraction, `//` drops it, `%` gives the rest."
    } else if has(&["+", "-", "*"]) {
        "Most often it is the sign, or one too many or too few."
    } else if line.starts_with("return") {
        "Most often it stands one step too far to the right and ends a loop in its first round, or gives back another variable."
    } else {
        "Most often another variable is meant, or the starting value is wrong."
    }
}

/// How a run was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It took too long.
    Time,
    /// It used too much memory.
    Memory,
    /// It printed too much.
    Output,
    /// It did what programs here may not do, or crashed.
    Other,
}

/// Explains a run that was ended from outside: most often a loop without an end.
pub fn stopped(source: &str, how: Stopped) -> Diagnosis {
    stacker::grow(STACK_BYTES, || {
        let parsed = parse(source, ParseOptions::from(Mode::Module).with_target_version(PythonVersion::PY311)).ok();
        let body =
            parsed.as_ref().and_then(|parsed| parsed.syntax().as_module()).map_or(&[][..], |module| &module.body);
        explain_stop(&Program::new(source, body), how)
    })
}

fn explain_stop(program: &Program<'_>, how: Stopped) -> Diagnosis {
    let (title, message) = match how {
        Stopped::Time => ("The program didn't come to an end", "It was stopped because it took too long."),
        Stopped::Memory => {
            ("The program used too much memory", "It was stopped because it needed more memory than it may have.")
        }
        Stopped::Output => ("The program printed too much", "It was stopped because its output didn't end."),
        Stopped::Other => (
            "The program was stopped",
            "It did something that programs aren't allowed here, such as using the network.",
        ),
    };
    let endless = if how == Stopped::Other { None } else { endless_loop(program) };
    let (line, root, what, nearly) = match &endless {
        Some(Endless { line, condition: Some(condition), names }) if names.is_empty() => (
            *line,
            format!(
                "The loop of line {line} never ends by itself: its condition {} is always true, and no `break` leaves it.",
                code(condition)
            ),
            "Under which condition should the loop be left, and which line asks for it?".to_owned(),
            "Leave the loop with `break` when its work is done, or write that condition behind `while`.".to_owned(),
        ),
        Some(Endless { line, condition, names }) => {
            let condition = code(condition.as_deref().unwrap_or_default());
            let list = names.iter().map(|name| code(name)).collect::<Vec<_>>().join(" and ");
            (
                *line,
                format!(
                    "Nothing in the loop of line {line} changes {list}; so its condition {condition}, once true, stays true for ever."
                ),
                format!("Go through two rounds by hand. What is {list} before the first, and what before the second?"),
                format!(
                    "Change {list} in the loop's block, so that the condition becomes false in the end. Look at the indentation as well: is the line that does it part of the block?"
                ),
            )
        }
        None => {
            let found = program.body.iter().find_map(|_| first_loop(program));
            (
                found.unwrap_or(0),
                "A loop runs far too often, or a calculation grows far too large.".to_owned(),
                "Print the variables of the loop in every round. Do they come nearer to its end?".to_owned(),
                "Let each round come nearer to the end, and try it with a small number first.".to_owned(),
            )
        }
    };
    let root = if how == Stopped::Other { message.to_owned() } else { root };
    let place = if line == 0 {
        "Look at the loops, and at functions that call themselves.".to_owned()
    } else {
        format!("Look at the loop that begins in line {line}:\n\n`````python\n{}\n`````", program.line(line).trim())
    };
    let topic = if how == Stopped::Other { "debugging-techniques" } else { "while-loops" };
    let nudge = match how {
        Stopped::Time | Stopped::Output => {
            "Which part of the program runs again and again, and what is supposed to end it?"
        }
        Stopped::Memory => "Which collection or number grows, and what is supposed to stop it?",
        Stopped::Other => {
            "Programs run here without network, and without other programs beside them. Which line needs one of those?"
        }
    };
    Diagnosis {
        error_type: String::new(),
        message: message.to_owned(),
        line,
        title: title.to_owned(),
        root_cause: format!("{title}. {root}"),
        topic: topic.to_owned(),
        hints: [nudge.to_owned(), place, what, nearly],
        solution: None,
        is_from_program: endless.is_some(),
        problem: problem_of("stopped", program.line(line).trim()),
    }
}

struct Endless {
    line: u32,
    condition: Option<String>,
    names: Vec<String>,
}

fn first_loop(program: &Program<'_>) -> Option<u32> {
    let mut found = None;
    walk(program.body, &mut |node| {
        if let Node::Stmt(stmt @ (Stmt::While(_) | Stmt::For(_))) = node {
            found.get_or_insert(program.line_at(stmt.start()));
        }
    });
    found
}

/// The first `while` whose condition nothing in its block can change, and which nothing leaves.
fn endless_loop(program: &Program<'_>) -> Option<Endless> {
    let mut found = None;
    walk(program.body, &mut |node| {
        let Node::Stmt(Stmt::While(stmt)) = node else { return };
        if found.is_some() {
            return;
        }
        let mut names = Vec::new();
        let mut may_change = false;
        walk_value(&stmt.test, &mut |expr| match expr {
            Expr::Name(name) => names.push(name.id.to_string()),
            Expr::Call(_) | Expr::Attribute(_) | Expr::Subscript(_) | Expr::Named(_) => may_change = true,
            _ => {}
        });
        // A function that is called may change what it declares to be `global`.
        walk(program.body, &mut |node| {
            if let Node::Stmt(Stmt::Global(global)) = node {
                may_change |= global.names.iter().any(|name| names.iter().any(|known| *known == name.as_str()));
            }
        });
        walk(&stmt.body, &mut |node| match node {
            Node::Stmt(Stmt::Break(_) | Stmt::Return(_) | Stmt::Raise(_)) => may_change = true,
            Node::Expr(Expr::Name(name)) if !name.ctx.is_load() => {
                may_change |= names.iter().any(|known| *known == name.id);
            }
            // A method may change the object, as `pop` does.
            Node::Expr(Expr::Attribute(attribute)) => {
                may_change |=
                    attribute.value.as_name_expr().is_some_and(|name| names.iter().any(|known| *known == name.id));
            }
            _ => {}
        });
        names.sort();
        names.dedup();
        if !may_change {
            let condition = Some(program.text(&*stmt.test).to_owned());
            found = Some(Endless { line: program.line_at(stmt.start()), condition, names });
        }
    });
    found
}
