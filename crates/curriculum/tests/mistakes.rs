//! FR-012: a teacher's mistake in a file is refused with the file, the line and the reason.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use std::{fs, path::Path};

use learnflow_curriculum::{Asks, Comparison, Curriculum, Level, Problem, TestInput, Topic};
use proptest::prelude::*;
use tempfile::TempDir;

const MODULE: &str = "id = \"basics\"\ntitle = \"Basics\"\norder = 1\nsummary = \"First steps.\"\n";
const TOPIC: &str = r#"id = "variables"
title = "Variables"
order = 1
prerequisites = []
keywords = ["variable"]

[explanations]
beginner = '''
A name for a value.

```python
print(1)
```
```output
1
```
'''
proficient = '''For those who know.'''

[[misconceptions]]
belief = "x"
correction = "y"
"#;
const ERRORS: &str = r#"[[errors]]
type = "NameError"
pattern = "name '(?P<name>.+?)' is not defined"
title = "Unknown name"
meaning = "Nothing is called {name}."
look = "Look for {name}."
topic = "variables"
"#;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("basics")).unwrap();
    write(&folder, "basics/module.toml", MODULE);
    write(&folder, "basics/variables.toml", TOPIC);
    write(&folder, "errors.toml", ERRORS);
    folder
}

fn write(folder: &TempDir, file: &str, text: &str) {
    fs::write(folder.path().join(file), text).unwrap();
}

/// The only problem of the folder, its file relative to it.
fn problem(folder: &TempDir) -> (String, usize, String) {
    let problems = Curriculum::load(folder.path()).unwrap_err().problems;
    let [Problem { file, line, reason }] = problems.as_slice() else { panic!("not one problem: {problems:?}") };
    let file = file.strip_prefix(folder.path()).unwrap_or(Path::new("")).display().to_string();
    (file, *line, reason.clone())
}

#[test]
fn a_good_folder_loads() {
    let folder = folder();
    let curriculum = Curriculum::load(folder.path()).unwrap();
    let topic = curriculum.topic("variables").unwrap();
    let explanation = curriculum.explain_error("NameError", "name 'totl' is not defined").unwrap();
    assert_eq!(explanation.meaning, "Nothing is called totl.");

    let version = topic.version().to_owned();
    write(&folder, "basics/variables.toml", &TOPIC.replace("A name", "Another name"));
    let changed = Curriculum::load(folder.path()).unwrap();
    assert_ne!(changed.topic("variables").unwrap().version(), version, "the version must follow the content");
}

/// FR-011: learning adds to beginner, mastered adds to proficient; a missing part falls back to the level below.
#[test]
fn explanations_add_up() {
    let topic = |parts: &[(&str, &str)]| {
        let parts: Vec<_> = parts.iter().map(|(level, text)| format!("{level} = '''\n{text}\n'''\n")).collect();
        let parts = parts.concat();
        let (head, rest) = TOPIC.split_once("beginner = '''").unwrap();
        let (_, tail) = rest.split_once("[[misconceptions]]").unwrap();
        Topic::parse("basics/variables.toml", format!("{head}{parts}[[misconceptions]]{tail}")).unwrap()
    };
    let (b, l, p, m) = (("beginner", "B"), ("learning", "L"), ("proficient", "P"), ("mastered", "M"));
    let cases: [(&[_], [&str; 4], [usize; 4]); 6] = [
        (&[b, l, p, m], ["B", "B\n\nL", "P", "P\n\nM"], [0, 1, 2, 3]),
        (&[b], ["B", "B", "B", "B"], [0, 0, 0, 0]),
        (&[b, l], ["B", "B\n\nL", "B\n\nL", "B\n\nL"], [0, 1, 1, 1]),
        (&[b, p], ["B", "B", "P", "P"], [0, 0, 2, 2]),
        (&[b, m], ["B", "B", "B", "B\n\nM"], [0, 0, 0, 3]),
        (&[b, l, m], ["B", "B\n\nL", "B\n\nL", "B\n\nL\n\nM"], [0, 1, 1, 3]),
    ];
    for (parts, texts, levels) in cases {
        let topic = topic(parts);
        assert_eq!(Level::ALL.map(|level| topic.explanation(level).trim_end().to_owned()), texts, "{parts:?}");
        assert_eq!(Level::ALL.map(|level| topic.explanation_level(level) as usize), levels, "{parts:?}");
        assert_eq!(topic.explanation_parts().count(), parts.len());
    }
}

#[test]
fn mistakes_inside_a_topic_are_located() {
    let cases: [(&str, &str, usize, &str); 11] = [
        ("keywords = [", "keyword = [", 5, "unknown field `keyword`"),
        ("order = 1", "order = \"first\"", 3, "invalid type"),
        ("id = \"variables\"", "id = \"varables\"", 1, "must be the file's name"),
        ("beginner = '''", "learning = '''", 7, "`beginner` is required"),
        ("prerequisites = []", "prerequisites = [\n  \"loops\",\n]", 5, "\"loops\" is no topic"),
        ("prerequisites = []", "prerequisites = [\"variables\"]", 4, "needs this topic itself"),
        ("```output\n1\n```\n", "", 11, "needs an `output` block"),
        ("```\n```output", "```\nIt prints:\n```output", 15, "right after its Python block"),
        ("```python\n", "```pyhton\n", 11, "unknown language \"pyhton\""),
        ("1\n```\n'''", "1\n'''", 14, "never closed"),
        ("belief = \"x\"", "belief = \"x", 21, "invalid basic string"),
    ];
    for (good, bad, line, reason) in cases {
        let folder = folder();
        assert!(TOPIC.contains(good), "the case {good:?} changes nothing");
        write(&folder, "basics/variables.toml", &TOPIC.replace(good, bad));
        let (file, found_line, found_reason) = problem(&folder);
        assert_eq!((file.as_str(), found_line), ("basics/variables.toml", line), "{bad:?}: {found_reason}");
        assert!(found_reason.contains(reason), "{bad:?}: {found_reason}");
    }
}

const QUIZ: &str = r#"
[[quiz]]
id = "one"
text = "Which?"
code = "print(1)"
asks = "output"
[[quiz.options]]
text = "a"
explanation = "e"
[[quiz.options]]
text = "b"
correct = true
explanation = "e"
[[quiz.options]]
text = "c"
explanation = "e"
"#;
const EXERCISE: &str = r#"
[[exercises]]
id = "one"
title = "T"
difficulty = "easy"
statement = '''
Return {{n}}.
'''
solution = "def f(x):\n    return {{n}}"
function = "f"
comparison = "exact"
parameters = { n = [1, "two"], m = { from = 1, to = 3 } }
[[exercises.tests]]
name = "one"
visible = true
args = "{{m}}"
[[exercises.random_tests]]
name = "some"
count = 2
generate = "[{{m}}]"
[[exercises.wrong]]
why = "w"
code = "c"
"#;

/// Loads the good topic with something added and replaced; the line of the only problem is counted from the addition.
fn added(addition: &str, good: &str, bad: &str) -> (usize, String) {
    let folder = folder();
    assert!(addition.contains(good), "the case {good:?} changes nothing");
    write(&folder, "basics/variables.toml", &format!("{TOPIC}{}", addition.replacen(good, bad, 1)));
    let (_, line, reason) = problem(&folder);
    (line - TOPIC.lines().count(), reason)
}

#[test]
fn mistakes_in_a_quiz_are_located() {
    let cases = [
        ("text = \"Which?\"", "txt = \"Which?\"", 4, "unknown field `txt`"),
        ("text = \"Which?\"", "text = \" \"", 4, "the question is empty"),
        ("\"one\"", "\"One\"", 3, "lower-case words"),
        ("asks = \"output\"", "asks = \"value\"", 6, "unknown variant `value`"),
        ("code = \"print(1)\"", "", 6, "`asks` needs `code`"),
        ("correct = true\n", "", 2, "0 correct options"),
        ("\"a\"\n", "\"a\"\ncorrect = true\n", 2, "2 correct options"),
        ("\"c\"", "\"a \"", 14, "the option \"a\" is there twice"),
        ("\"c\"\nexplanation = \"e\"", "\"c\"", 14, "missing field `explanation`"),
        ("\"c\"\nexplanation = \"e\"", "\"c\"\nexplanation = \"\"", 14, "explanation is empty"),
        ("[[quiz.options]]\ntext = \"c\"\nexplanation = \"e\"\n", "", 2, "has 2 options: give 3 to 5"),
    ];
    for (good, bad, line, reason) in cases {
        let (found_line, found) = added(QUIZ, good, bad);
        assert!(found.contains(reason), "{bad:?}: {found}");
        assert_eq!(found_line, line, "{bad:?}: {found}");
    }
    let (line, reason) = added(&format!("{QUIZ}{QUIZ}"), "", "");
    assert_eq!((line, reason.as_str()), (19, "the id \"one\" is there twice"));
}

#[test]
fn mistakes_in_an_exercise_are_located() {
    let cases = [
        ("easy", "trivial", 5, "unknown variant `trivial`"),
        ("title", "titel", 4, "unknown field `titel`"),
        ("\"one\"", "\"one_two\"", 3, "lower-case words"),
        ("\"T\"", "\"\"", 4, "empty"),
        ("Return {{n}}.", "\nReturn {{k}}.", 8, "{{k}} is none of the exercise's parameters"),
        ("Return {{n}}.", "Return {{ n }}.", 7, "two opening braces"),
        ("Return {{n}}.", "Return {{{n}}}.", 7, "two opening braces"),
        ("\"f\"", "\"f()\"", 10, "no name of a function"),
        ("\"exact\"", "\"whitespace\"", 11, "for exercises without `function`"),
        ("\"exact\"", "\"equal\"", 11, "unknown variant `equal`"),
        ("n = [1, \"two\"]", "n = []", 12, "has no values"),
        ("n = [1, \"two\"]", "n = [1, \"1\"]", 12, "has a value twice"),
        ("n = [1, \"two\"]", "n = [1, 2.5]", 12, "a list of strings or integers"),
        ("n = [1, \"two\"]", "n = [\"{{m}}\"]", 12, "holds two opening braces"),
        ("to = 3", "to = 0", 12, "`from` is above `to`"),
        ("to = 3", "to = 3, by = 2", 12, "a list of strings or integers"),
        ("to = 3", "to = 4000000000000", 2, "too many combinations"),
        ("to = 3 }", "to = 3 }, k = [1]", 12, "\"k\" is used nowhere"),
        ("visible = true\n", "", 2, "no visible test"),
        ("args = \"{{m}}\"", "input = \"1\"", 16, "`input` is for exercises without `function`"),
        ("args = \"{{m}}\"", "", 13, "no `args`"),
        ("count = 2", "count = 0", 19, "`count` must be from 1 to 20"),
        ("generate =", "make =", 20, "unknown field `make`"),
        ("code = \"c\"", "code = \"\"", 23, "empty"),
    ];
    for (good, bad, line, reason) in cases {
        let (found_line, found) = added(EXERCISE, good, bad);
        assert!(found.contains(reason), "{bad:?}: {found}");
        assert_eq!(found_line, line, "{bad:?}: {found}");
    }
    let program = EXERCISE.replace("function = \"f\"\n", "").replace("args = \"{{m}}\"", "input = \"{{m}}\"");
    let (line, reason) = added(&program, "\"exact\"", "\"unordered\"");
    assert_eq!((line, reason.contains("with `function`")), (10, true), "{reason}");
    let (line, reason) = added(&program, "input =", "args =");
    assert_eq!((line, reason.contains("`args` is for exercises with `function`")), (15, true), "{reason}");
}

#[test]
fn quizzes_and_exercises_are_read() {
    let text = format!("{TOPIC}{QUIZ}{EXERCISE}");
    let topic = Topic::parse("basics/variables.toml", text).unwrap();
    assert_eq!(topic.module, "basics");
    let question = &topic.quiz[0];
    assert_eq!((question.asks, question.correct(), question.options.len()), (Some(Asks::Output), 1, 3));
    let exercise = &topic.exercises[0];
    assert_eq!((exercise.function.as_deref(), exercise.comparison), (Some("f"), Comparison::Exact));
    assert_eq!(exercise.variations(), 6);
    let variation = exercise.instantiate(3);
    assert_eq!(variation.statement, format!("Return {}.\n", variation.parameters["n"]));
    assert_eq!(variation.tests[0].input, TestInput::Arguments(variation.parameters["m"].clone()));
}

proptest! {
    /// Whatever a teacher writes or pastes, the answer is a topic or a list of mistakes.
    #[test]
    fn arbitrary_text_is_read_or_refused(
        text in "\\PC*",
        start in 0_usize..2000,
        length in 0_usize..40,
        inserted in "[\\PC\n\"'{}\\[\\]=`]{0,20}",
    ) {
        let _ = Topic::parse("variables.toml", text);
        // The good topic is ASCII, so every position is one between characters.
        let good = format!("{TOPIC}{QUIZ}{EXERCISE}");
        let start = start % good.len();
        let end = good.len().min(start + length);
        let changed = format!("{}{inserted}{}", &good[..start], &good[end..]);
        match Topic::parse("basics/variables.toml", changed) {
            Ok(topic) => topic.exercises.iter().for_each(|exercise| drop(exercise.instantiate(u64::MAX))),
            Err(error) => prop_assert!(!error.problems.is_empty()),
        }
    }
}

#[test]
fn mistakes_between_files_are_located() {
    // A circle: each of the two is reported, at its own prerequisite.
    let circle = folder();
    write(&circle, "basics/variables.toml", &TOPIC.replace("[]", "[\"numbers\"]"));
    let numbers = TOPIC.replace("[]", "[\"variables\"]").replace("\"variables\"\ntitle", "\"numbers\"\ntitle");
    write(&circle, "basics/numbers.toml", &numbers.replace("order = 1", "order = 2"));
    let problems = Curriculum::load(circle.path()).unwrap_err().problems;
    assert_eq!(problems.iter().map(|problem| problem.line).collect::<Vec<_>>(), [4, 4], "{problems:?}");

    // The same id in two modules.
    let twice = folder();
    fs::create_dir(twice.path().join("more")).unwrap();
    let more = MODULE.replace("\"basics\"", "\"more\"").replace("order = 1", "order = 2");
    write(&twice, "more/module.toml", &more);
    write(&twice, "more/variables.toml", TOPIC);
    let (file, line, reason) = problem(&twice);
    assert_eq!((file.as_str(), line), ("more/variables.toml", 1));
    assert!(reason.contains("basics/variables.toml"), "{reason}");

    let wrong_folder = folder();
    write(&wrong_folder, "basics/module.toml", &MODULE.replace("\"basics\"", "\"bascis\""));
    assert_eq!(problem(&wrong_folder).0, "basics/module.toml");

    let bad_errors = folder();
    write(&bad_errors, "errors.toml", &ERRORS.replace("topic = \"variables\"", "topic = \"names\""));
    let (file, line, reason) = problem(&bad_errors);
    assert_eq!((file.as_str(), line, reason.as_str()), ("errors.toml", 7, "there is no topic \"names\""));
    write(&bad_errors, "errors.toml", &ERRORS.replace("{name}.\"\nlook", "{thing}.\"\nlook"));
    assert!(problem(&bad_errors).2.contains("{thing}"));
}
