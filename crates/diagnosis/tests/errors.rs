//! FR-017, FR-018, FR-019: every error of `CPython` is explained, by its cause where the program shows it, and hints never
//! show the solution before the last one.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]
#![allow(clippy::print_stdout, reason = "figures are for whoever runs the tests")]

mod support;

use std::fmt::Write as _;

use learnflow_diagnosis::{Diagnosis, Mistake, diagnose, mistakes};
use learnflow_tutor::{Query, Tutor};
use serde_json::{Value, json};
use support::{Ended, python, run, tutor};

/// Types whose last entry in the table serves whatever else there is. Others mean one thing, and one entry says it.
const OF_MANY_KINDS: [&str; 10] = [
    "SyntaxError",
    "IndentationError",
    "TypeError",
    "ValueError",
    "NameError",
    "AttributeError",
    "RuntimeError",
    "ImportError",
    "IndexError",
    "OSError",
];

/// What is wrong with a diagnosis; empty if nothing is.
fn complaints(tutor: &Tutor, code: &str, ended: &Ended, diagnosis: Option<&Diagnosis>) -> String {
    let mut wrong = String::new();
    let Some(found) = diagnosis else { return "no diagnosis".to_owned() };
    if found.error_type != ended.error_type || found.line != ended.line {
        let _ = write!(
            wrong,
            "{} in line {} instead of {} in line {}. ",
            found.error_type, found.line, ended.error_type, ended.line
        );
    }
    let unknown = format!("{}: \u{1}", ended.error_type);
    let generic = tutor.diagnose(&Query { error: Some(&unknown), ..Query::default() }).map(|generic| generic.title);
    let is_generic = generic.as_deref() == Some(&found.title) && OF_MANY_KINDS.contains(&ended.error_type.as_str());
    if is_generic && !found.is_from_program {
        let _ = write!(wrong, "the explanation is the generic one. ");
    }
    if found.topic.is_empty() || found.root_cause.len() < 40 || found.hints.iter().any(|hint| hint.len() < 15) {
        let _ = write!(wrong, "something is empty. ");
    }
    if let Some(fix) = &found.solution {
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        let solution = squeezed(&fix.text);
        let leak = found.hints[..3]
            .iter()
            .chain([&found.root_cause, &found.title])
            .find(|text| squeezed(text).contains(&solution));
        if let Some(text) = leak {
            let _ = write!(wrong, "{:?} leaks in {text:?}. ", fix.text);
        }
        if !squeezed(&found.hints[3]).contains(&solution) {
            let _ = write!(wrong, "the last hint lacks the solution. ");
        }
    }
    if wrong.is_empty() { wrong } else { format!("{}: {}\n{code}\n{wrong}\n\n", ended.error_type, ended.message) }
}

/// FR-018: nothing that is built into Python is unknown.
#[test]
fn every_builtin_exception_has_an_explanation() {
    let script = "import builtins, json, sys; json.load(sys.stdin); \
        kinds = [v for v in vars(builtins).values() if isinstance(v, type) and issubclass(v, BaseException)]; \
        print(json.dumps(sorted({kind.__name__ for kind in kinds})))";
    let names = python(script, &json!([]));
    let names: Vec<&str> = names.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.len() > 60, "{names:?}");
    let tutor = tutor();
    let unknown: Vec<_> = names.iter().filter(|name| tutor.curriculum().explain_error(name, "").is_none()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

/// FR-018, FR-019: each message of the parser, the compiler and the usual functions.
#[test]
fn every_message_is_explained() {
    let tutor = tutor();
    let shown: Vec<(&Mistake, &str)> =
        mistakes().iter().filter_map(|mistake| Some((mistake, mistake.broken?))).collect();
    let programs: Vec<_> = shown.iter().map(|(_, broken)| (*broken, "")).collect();
    let fixed: Vec<_> = mistakes().iter().map(|mistake| (mistake.fixed, "")).collect();
    let mut wrong = String::new();
    for ((mistake, broken), ended) in shown.iter().zip(run(&programs)) {
        let Some(ended) = ended else {
            let _ = writeln!(wrong, "{} runs:\n{broken}", mistake.error);
            continue;
        };
        wrong += &complaints(&tutor, broken, &ended, diagnose(&tutor, broken, &ended.report).as_ref());
    }
    // Messages of programs too long to be written out.
    for mistake in mistakes().iter().filter(|mistake| mistake.broken.is_none()) {
        let (error_type, message) = mistake.error.split_once(": ").unwrap();
        let report = format!("  File \"main.py\", line 1\n    x = 1\n{}", mistake.error);
        let ended = Ended { error_type: error_type.to_owned(), message: message.to_owned(), line: 1, report };
        wrong += &complaints(&tutor, "x = 1", &ended, diagnose(&tutor, "x = 1", &ended.report).as_ref());
    }
    for (mistake, ended) in mistakes().iter().zip(run(&fixed)) {
        // What a part of a program uses may be missing; but it must be Python, and without this error.
        let is_syntax = |name: &str| matches!(name, "SyntaxError" | "IndentationError" | "TabError");
        if let Some(ended) =
            ended.filter(|ended| is_syntax(&ended.error_type) || mistake.error.starts_with(&ended.error_type))
        {
            let _ = writeln!(wrong, "the correction of {} fails: {}\n{}", mistake.error, ended.message, mistake.fixed);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// FR-018: corrections of lines that Python can't read are corrections.
#[test]
fn corrected_lines_can_be_read() {
    let tutor = tutor();
    let broken: Vec<(&str, &str)> = mistakes()
        .iter()
        .filter(|mistake| mistake.error.contains("Syntax") || mistake.error.contains("Indent"))
        .filter_map(|mistake| Some((mistake.broken?, "")))
        .collect();
    let mut corrected = Vec::new();
    for ((code, _), ended) in broken.iter().zip(run(&broken)) {
        let fix = ended.and_then(|ended| diagnose(&tutor, code, &ended.report)).and_then(|found| found.solution);
        let Some(fix) = fix.filter(|fix| !fix.is_new) else { continue };
        let mut lines: Vec<&str> = code.lines().collect();
        lines[fix.line as usize - 1] = &fix.text;
        corrected.push(lines.join("\n") + "\n");
    }
    assert!(corrected.len() >= 20, "only {} corrections", corrected.len());
    let programs: Vec<_> = corrected.iter().map(|code| (code.as_str(), "")).collect();
    let failing: Vec<String> = run(&programs)
        .into_iter()
        .zip(&corrected)
        .filter_map(|(ended, code)| Some((ended?, code)))
        .filter(|(ended, _)| ended.error_type == "SyntaxError" || ended.error_type == "IndentationError")
        .map(|(ended, code)| format!("{}:\n{code}", ended.message))
        .collect();
    assert!(failing.is_empty(), "{}", failing.join("\n"));
}

/// FR-018: of Python's own examples of syntax errors at least 95 of 100 are explained, at the right line and not in general
/// words. They come from its test suite, which `make setup` installs.
#[test]
fn pythons_own_syntax_errors_are_explained() {
    let script = r"
import ast, doctest, glob, json, subprocess, sys
json.load(sys.stdin)
found = glob.glob('/usr/lib/python3*/test/test_syntax.py')
where = 'import test.test_syntax as suite; print(suite.__file__)'
other = subprocess.run(['python3', '-c', where], capture_output=True, text=True)
found += other.stdout.split()
examples = []
for path in found[:1]:
    tree = ast.parse(open(path).read())
    examples = [example.source for example in doctest.DocTestParser().get_examples(ast.get_docstring(tree, clean=False))]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, 'attr', '') == '_check_error':
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                examples.append(node.args[0].value)
print(json.dumps(examples))
";
    let examples = python(script, &json!([]));
    let examples: Vec<(&str, &str)> =
        examples.as_array().unwrap().iter().filter_map(|text| Some((text.as_str()?, ""))).collect();
    assert!(
        examples.len() > 200,
        "CPython's test_syntax.py is missing: `make setup` installs it (libpython3-testsuite)"
    );
    let tutor = tutor();
    let (mut count, mut wrong) = (0_u32, Vec::new());
    for ((code, _), ended) in examples.iter().zip(run(&examples)) {
        let Some(ended) =
            ended.filter(|ended| matches!(ended.error_type.as_str(), "SyntaxError" | "IndentationError" | "TabError"))
        else {
            continue;
        };
        count += 1;
        let complaint = complaints(&tutor, code, &ended, diagnose(&tutor, code, &ended.report).as_ref());
        wrong.extend(Some(complaint).filter(|text| !text.is_empty()));
    }
    println!("{} of {count} are explained", count as usize - wrong.len());
    assert!(count > 200 && wrong.len() * 20 <= count as usize, "{} of {count}:\n{}", wrong.len(), wrong.join(""));
}
