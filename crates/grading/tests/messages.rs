//! What a student reads.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use learnflow_grading::{Comparison, OutputComparison, Value, judge_output, judge_value};

fn message(expected: &str, actual: &str, comparison: Comparison) -> String {
    let (expected, actual) = (Value::parse(expected).unwrap(), Value::parse(actual).unwrap());
    judge_value(&expected, &actual, comparison, true).message.unwrap_or_default()
}

/// FR-023: a message names the difference, and leads to it.
#[test]
fn values_are_explained() {
    let cases = [
        ("[1, 2]", "[2, 1]", "expected [1, 2], got [2, 1]: the same items in another order"),
        ("1", "1.0", "expected 1, got 1.0: a float, not an int"),
        ("[1]", "None", "expected [1], got None: nothing was returned: is a return missing?"),
        ("None", "3", "expected None, got 3: nothing should be returned"),
        ("3", "'3'", "expected 3, got '3': a str, not an int"),
        ("[1, 2, 3]", "[1]", "expected [1, 2, 3], got [1]: 1 item instead of 3"),
        ("[1, 2]", "[1, 3]", "expected [1, 2], got [1, 3]: at [1], expected 2, got 3"),
        (
            "{'a': [1, 'x']}",
            "{'a': [1, 'X']}",
            "expected {'a': [1, 'x']}, got {'a': [1, 'X']}: at ['a'][1], expected 'x', got 'X' (upper and lower case differ)",
        ),
        ("{'a': 1}", "{'b': 1}", "expected {'a': 1}, got {'b': 1}: 'a' is missing, 'b' is too much"),
        ("{1, 2}", "{2, 3}", "expected {1, 2}, got {2, 3}: 1 is missing, 3 is too much"),
        ("'a b'", "'ab'", "expected 'a b', got 'ab': only the spaces or line breaks differ"),
        (
            "0.3",
            "0.30000000000000004",
            "expected 0.3, got 0.30000000000000004: very close, but not the same: is it rounded where it should be?",
        ),
        ("True", "1", "expected True, got 1: an int, not a bool"),
    ];
    for (expected, actual, wanted) in cases {
        assert_eq!(message(expected, actual, Comparison::Exact), wanted);
    }
    let long = format!("[{}]", "1, ".repeat(10_000));
    assert!(message(&long, "[]", Comparison::Exact).len() < 400, "values are shortened");
    assert_eq!(message("[1, 2]", "[3, 1]", Comparison::Unordered), "expected [1, 2], got [3, 1]");
}

/// FR-024: nothing is said of a hidden test, and nothing where there is nothing to say.
#[test]
fn hidden_tests_say_nothing() {
    let (one, two) = (Value::parse("1").unwrap(), Value::parse("2").unwrap());
    let verdict = judge_value(&one, &two, Comparison::Exact, false);
    assert!(!verdict.passed && verdict.message.is_none());
    assert!(judge_value(&one, &one, Comparison::Exact, true).message.is_none());
    let verdict = judge_output("secret", "guess", OutputComparison::Exact, false);
    assert!(!verdict.passed && verdict.message.is_none());
}

/// FR-022, FR-023: printed text is judged by its rule, and the difference shown by its line.
#[test]
fn output_is_judged_and_explained() {
    use OutputComparison::{Exact, TrailingWhitespace, Whitespace};
    let cases = [
        ("a\nb\n", "a\nb\n", true, true, true),
        ("a\nb\n", "a  \r\nb", false, true, true),
        ("a\nb", "a b", false, false, true),
        ("a b", " a  b ", false, false, true),
        ("a b", "ab", false, false, false),
        ("a", "A", false, false, false),
        ("", "\n\n", false, true, true),
        ("\na", "a", false, false, true),
    ];
    for (expected, actual, exact, trailing, any) in cases {
        for (comparison, wanted) in [(Exact, exact), (TrailingWhitespace, trailing), (Whitespace, any)] {
            let verdict = judge_output(expected, actual, comparison, true);
            assert_eq!(verdict.passed, wanted, "{expected:?} and {actual:?}, {comparison:?}");
        }
    }
    let said = |expected, actual, comparison| judge_output(expected, actual, comparison, true).message.unwrap();
    assert_eq!(said("1\n2\n", "1\n3\n", TrailingWhitespace), "line 2 should be '2', not '3'");
    assert_eq!(said("1\n2\n", "1\n", TrailingWhitespace), "line 2 is missing: '2'");
    assert_eq!(said("1\n", "1\n2\n", TrailingWhitespace), "line 2 is too much: '2'");
    assert_eq!(said("Hi", "hi", TrailingWhitespace), "line 1 should be 'Hi', not 'hi' (upper and lower case differ)");
    assert_eq!(said("a b", "a c", Whitespace), "word 2 should be 'b', not 'c'");
    assert_eq!(said("hi\n", "", TrailingWhitespace), r"the program printed nothing; expected 'hi\n'");
    assert_eq!(said("hi\n", "hi", Exact), r"expected 'hi\n', got 'hi': only the ends of lines differ");
}
