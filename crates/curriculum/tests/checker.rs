//! FR-012, FR-022: the checker notices when an explanation, a quiz or an exercise says something that isn't so.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

mod support;

use std::fs;

use learnflow_curriculum::Topic;
use support::{Subject, try_all};

/// The README's example, which is a topic without mistakes.
fn example() -> String {
    let readme = include_str!("../../../curriculum/README.md");
    let (_, example) = readme.split_once("````toml\n").unwrap();
    example.split_once("````\n").unwrap().0.to_owned()
}

/// What the checker finds in a topic, mistakes and missing things apart.
fn findings(text: &str) -> (Vec<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tuples.toml");
    fs::write(&file, text).unwrap();
    let topic = Topic::read(&file).unwrap_or_else(|error| panic!("{error}"));
    let subject = Subject::new(&file, topic);
    let missing = subject.missing().iter().map(ToString::to_string).collect();
    let mistakes = try_all(&[subject], 2).iter().map(ToString::to_string).collect();
    (mistakes, missing)
}

#[test]
fn the_readme_shows_a_topic_without_mistakes() {
    let (mistakes, _) = findings(&example());
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

/// Each change to the good example is found once per variation tried, or once.
#[test]
fn untrue_things_are_found() {
    let solution = "return [name for name, number in pairs if number >= {{least}}]";
    let wrong = "return [pair for pair in pairs if pair[1] >= {{least}}]";
    let generate = "[[(rng.choice('abc'), rng.randint(0, 12)) for _ in range(8)]]";
    let solved = format!("    {solution}");
    let cases = [
        ("point = (3, 7)\nprint(point[0])", "point = (4, 7)\nprint(point[0])", "this program prints:\n4"),
        ("first, *rest = (1, 2, 3)", "first, *rest = 1", "this program fails: TypeError"),
        ("point[0] = 5", "point = 5", "doesn't fail"),
        ("unhashable type: 'list'", "unhashable type: 'set'", "but the text says"),
        ("point = (3,)", "point = (3, 4)", "prints \"2\", but the correct option is \"1\""),
        ("asks = \"output\"", "asks = \"error\"", "asks for its error"),
        (solution, "return [name for name, number in pair]", "NameError: name 'pair' is not defined"),
        (solution, "while True: print(1)", "takes longer than 2 s"),
        (solution, "return iter(pairs)", "can't be compared"),
        (solution, "exit(0)", "SystemExit"),
        (solution, "return list({name * i for name, number in pairs for i in range(9)})", "other results"),
        (solution, "return []", "every test expects the same"),
        (
            "def names(pairs):\n    return [name for name, number in pairs if number >=",
            "x = [0 >=",
            "no function names",
        ),
        ("    pass", &solved, "the starter passes all tests"),
        ("    pass", "    pas s", "the starter is no Python"),
        (wrong, solution, "(returns the pairs instead of their first parts) passes all fixed tests"),
        (wrong, "return [", "the wrong solution 2 is no Python"),
        ("args = \"[]\"", "args = \"[len]\"", "no Python literals"),
        ("-{{least}}", "{{least}} - 5", "no Python literals"),
        (generate, "rng.randint(1, 2)", "expected a list of the arguments"),
        (generate, "[list({(letter, 5) for letter in 'abcdefghi'})]", "makes other inputs"),
    ];
    let example = example();
    for (good, bad, reason) in cases {
        assert!(example.contains(good), "the case {good:?} changes nothing");
        let (mistakes, _) = findings(&example.replacen(good, bad, 1));
        assert!(!mistakes.is_empty(), "{bad:?} isn't found");
        for mistake in mistakes {
            assert!(mistake.contains(reason), "{bad:?}: {mistake}");
        }
    }
}

#[test]
fn missing_things_are_found() {
    let (_, missing) = findings(&example());
    let count = |reason: &str| missing.iter().filter(|missing| missing.contains(reason)).count();
    assert_eq!(count("words"), 4, "{missing:?}");
    assert_eq!(count("1 quiz questions of 6"), 1, "{missing:?}");
    assert_eq!(count("1 quiz questions with code of 3"), 1, "{missing:?}");
    assert_eq!((count("no exercise is easy"), count("no exercise is hard")), (1, 1), "{missing:?}");
    assert_eq!(missing.len(), 8, "{missing:?}");

    let poor = example()
        .replace("what = [\"name\", \"word\", \"city\"]", "what = [\"name\"]")
        .replace("to = 9", "to = 4")
        .replace("name = \"all too small\"", "visible = true\nname = \"all too small\"");
    let random = poor.find("[[exercises.random_tests]]").unwrap();
    let (_, missing) = findings(&poor[..random]);
    for reason in ["1 hidden tests of 2", "0 random tests of 1", "0 wrong solutions of 2", "2 variations of 6"] {
        assert!(missing.iter().any(|missing| missing.contains(reason)), "{reason}: {missing:?}");
    }
}
