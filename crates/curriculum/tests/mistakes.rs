//! FR-012: a teacher's mistake in a file is refused with the file, the line and the reason.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

use std::{fs, path::Path};

use learnflow_curriculum::{Curriculum, Level, Problem};
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
fn a_good_folder_loads_and_falls_back_to_the_nearest_lower_level() {
    let folder = folder();
    let curriculum = Curriculum::load(folder.path()).unwrap();
    let topic = curriculum.topic("variables").unwrap();
    assert_eq!(topic.explanation_level(Level::Learning), Level::Beginner);
    assert_eq!(topic.explanation(Level::Learning), topic.explanation(Level::Beginner));
    assert_eq!(topic.explanation(Level::Mastered), "For those who know.");
    let explanation = curriculum.explain_error("NameError", "name 'totl' is not defined").unwrap();
    assert_eq!(explanation.meaning, "Nothing is called totl.");

    let version = topic.version().to_owned();
    write(&folder, "basics/variables.toml", &TOPIC.replace("A name", "Another name"));
    let changed = Curriculum::load(folder.path()).unwrap();
    assert_ne!(changed.topic("variables").unwrap().version(), version, "the version must follow the content");
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

#[test]
fn quizzes_and_exercises_are_checked() {
    let quiz = "\n[[quiz]]\nid = \"q\"\ntext = \"?\"\noptions = [\"a\", \"b\"]\nanswer = \"c\"\nexplanation = \"e\"\n";
    let exercise = "\n[[exercises]]\nid = \"e\"\ntitle = \"t\"\ndifficulty = \"easy\"\nstatement = \"{{n}}\"\n\
                    solution = \"print({{n}})\"\ntests = [{ name = \"one\" }]\n";
    let cases = [
        (quiz.to_owned(), 24, "none of its options"),
        (quiz.replace("text", "txt"), 26, "unknown field `txt`"),
        (exercise.to_owned(), 24, "{{n}}"),
        (exercise.replace("easy", "trivial"), 27, "unknown variant `trivial`"),
    ];
    for (text, line, reason) in cases {
        let folder = folder();
        write(&folder, "basics/variables.toml", &format!("{TOPIC}{text}"));
        let (_, found_line, found_reason) = problem(&folder);
        assert!(found_reason.contains(reason), "{found_reason}");
        assert_eq!(found_line, line, "{found_reason}");
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
