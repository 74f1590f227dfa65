//! FR-018: real errors, made by running broken programs, are explained in plain words, with the line, a nudge and a topic.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

mod common;

use std::{
    fs,
    process::{Command, Stdio},
};

use learnflow_curriculum::Level;
use learnflow_tutor::Query;

/// A broken program; the error's type, its line, a word of the explanation, the topic.
const PROGRAMS: [(&str, &str, u32, &str, &str); 34] = [
    ("x = 1\nprint(totl)", "NameError", 2, "`totl`", "variables"),
    ("print(true)", "NameError", 1, "capital letter", "booleans-and-comparison"),
    ("print(math.pi)", "NameError", 1, "`math`", "importing-modules"),
    ("print('a' + 1)", "TypeError", 1, "`int`", "input-and-conversion"),
    ("print(1 + 'a')", "TypeError", 1, "`str`", "input-and-conversion"),
    ("print([1] + 2)", "TypeError", 1, "`list`", "lists"),
    ("x = [3].sort()\nprint(x[0])", "TypeError", 2, "`None`", "return-values"),
    ("for i in 5:\n    print(i)", "TypeError", 1, "`int`", "range-and-enumerate"),
    ("def f(a, b):\n    print(a)\nf(1)", "TypeError", 3, "'b'", "parameters-and-arguments"),
    ("def f():\n    print(1)\nf(1)", "TypeError", 3, "too many", "parameters-and-arguments"),
    ("print([1]['a'])", "TypeError", 1, "whole number", "lists"),
    ("s = 'abc'\ns[0] = 'x'", "TypeError", 2, "never changes", "strings"),
    ("print('a' < 1)", "TypeError", 1, "order", "booleans-and-comparison"),
    ("print({[1]: 2})", "TypeError", 1, "key", "dictionaries"),
    ("sum = 3\nprint(sum([1]))", "TypeError", 2, "hides", "scope"),
    ("print(int('3.5'))", "ValueError", 1, "'3.5'", "input-and-conversion"),
    ("a, b = [1, 2, 3]", "ValueError", 1, "more values", "tuples"),
    ("print([1, 2][2])", "IndexError", 1, "from 0", "lists"),
    ("print({'a': 1}['b'])", "KeyError", 1, "`'b'`", "dictionaries"),
    ("[1].add(2)", "AttributeError", 1, "`add`", "exception-types"),
    ("print(1 / 0)", "ZeroDivisionError", 1, "zero", "numbers"),
    ("def f():\n    return f()\nf()", "RecursionError", 2, "itself", "recursion"),
    ("n = 0\ndef f():\n    n += 1\nf()", "UnboundLocalError", 3, "local", "scope"),
    ("open('nothing.txt')", "FileNotFoundError", 1, "nothing.txt", "paths-and-folders"),
    ("input()", "EOFError", 1, "input", "input-and-conversion"),
    ("import nothere", "ModuleNotFoundError", 1, "`nothere`", "importing-modules"),
    ("import json\njson.loads('{')", "JSONDecodeError", 2, "JSON", "json-files"),
    ("assert 1 == 2", "AssertionError", 1, "assert", "debugging-techniques"),
    ("if True\n    print(1)", "SyntaxError", 1, "colon", "if-statements"),
    ("print('hi", "SyntaxError", 1, "quotation mark", "strings"),
    ("print((1)", "SyntaxError", 1, "closed", "first-program"),
    ("if 1:\nprint(1)", "IndentationError", 2, "Indented", "if-statements"),
    ("x = 3\nif x = 3:\n    print(x)", "SyntaxError", 2, "single `=`", "booleans-and-comparison"),
    ("print \"hi\"", "SyntaxError", 1, "brackets", "first-program"),
];

fn stderr(program: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.py"), program).unwrap();
    let mut python = Command::new("/usr/bin/python3");
    python.arg("main.py").current_dir(folder.path()).stdin(Stdio::null());
    String::from_utf8(python.output().unwrap().stderr).unwrap()
}

#[test]
fn real_errors_are_explained() {
    let tutor = common::tutor();
    let mut failures = Vec::new();
    for (program, error_type, line, word, topic) in PROGRAMS {
        let error = stderr(program);
        let query = Query { text: "what is wrong?", code: Some(program), error: Some(&error), ..Query::default() };
        let reply = tutor.explain_error(&query, Level::Beginner);
        let text = &reply.markdown;
        let heading = format!("**`{error_type}` in line {line}");
        let source = program.lines().nth(line as usize - 1).unwrap().trim();
        let is_right = text.starts_with(&heading)
            && text.contains(word)
            && text.contains(source)
            && text.contains("**Where to look.**")
            && reply.topic.as_deref() == Some(topic);
        if !is_right {
            failures.push(format!("{program}\n{error}\n{:?} {text}\n", reply.topic));
        }
    }
    assert!(failures.is_empty(), "{} wrong:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn an_error_is_found_in_a_students_own_words() {
    let tutor = common::tutor();
    for (text, error_type) in [
        ("I get NameError: name 'x' is not defined", "NameError"),
        ("why do i get a key error", "KeyError"),
        ("it says list index out of range", "IndexError"),
        ("help it says can only concatenate str (not \"int\") to str !!", "TypeError"),
        ("what does indentationerror mean", "IndentationError"),
    ] {
        let diagnosis = tutor.diagnose(&Query { text, ..Query::default() });
        assert_eq!(diagnosis.map(|found| found.error.error_type).as_deref(), Some(error_type), "{text}");
    }
    for text in ["my loop never ends", "what is a list", "how do I handle errors", ""] {
        assert_eq!(tutor.diagnose(&Query { text, ..Query::default() }), None, "{text}");
    }
}

#[test]
fn a_nudge_adapts_and_never_invents() {
    let tutor = common::tutor();
    let error = "Traceback (most recent call last):\n  File \"main.py\", line 3, in <module>\n    pay(9)\n  \
                 File \"main.py\", line 2, in pay\n    raise OutOfMoney('only 5 left')\nOutOfMoney: only 5 left\n";
    let query = Query { error: Some(error), ..Query::default() };
    let reply = tutor.explain_error(&query, Level::Beginner);
    assert!(reply.markdown.contains("isn't built into Python"), "{}", reply.markdown);
    assert!(reply.markdown.contains("only 5 left") && reply.markdown.contains("in the function `pay`"));
    assert_eq!(reply.topic.as_deref(), Some("custom-exceptions"));

    let known = Query { error: Some("ZeroDivisionError: division by zero"), ..Query::default() };
    let long = tutor.explain_error(&known, Level::Beginner).markdown;
    let short = tutor.explain_error(&known, Level::Mastered).markdown;
    assert!(long.contains("**What it means.**") && !short.contains("**What it means.**"));

    let nothing = Query { text: "my program prints the wrong sum", code: Some("print(1)"), ..Query::default() };
    let reply = tutor.explain_error(&nothing, Level::Beginner);
    assert!(reply.markdown.contains("can't see an error message"), "{}", reply.markdown);
}
