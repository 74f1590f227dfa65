//! Values are read, written and compared as Python does it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod support;

use learnflow_grading::{Comparison, Value, equal};
use proptest::prelude::*;
use support::{any_value, tagged};

fn parse(text: &str) -> Value {
    Value::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// FR-022: an expected value is read as Python reads it, however it is written.
#[test]
fn literals_are_read() {
    let cases = [
        ("  None ", "None"),
        ("True", "True"),
        ("- 12", "-12"),
        ("--1_000", "1000"),
        ("0xFF", "255"),
        ("0b1_01", "5"),
        ("0o17", "15"),
        ("00", "0"),
        ("340282366920938463463374607431768211456", "340282366920938463463374607431768211456"),
        ("1.", "1.0"),
        (".5e-2", "0.005"),
        ("1e22", "1e+22"),
        ("0.00001", "1e-05"),
        ("123456789012345680.0", "1.2345678901234568e+17"),
        ("1e999", "inf"),
        ("-inf", "-inf"),
        ("nan", "nan"),
        ("0777.", "777.0"),
        ("3j", "3j"),
        ("1 - 2.5J", "(1-2.5j)"),
        ("-1-infj", "(-1-infj)"),
        ("complex(1, nan)", "(1+nanj)"),
        ("'it' \"'s\"", "\"it's\""),
        (
            r"'a\tb\x41\101\u00e9\U0001F600\
c\q'",
            r"'a\tbAAé😀c\\q'",
        ),
        (r"r'\n\''", r#""\\n\\'""#),
        ("'''two\r\nlines'''", r"'two\nlines'"),
        (r"'\ud800'", r"'\ud800'"),
        (r"b'\x00\377z' rb'\n'", r"b'\x00\xffz\\n'"),
        ("bytearray(b'x')", "bytearray(b'x')"),
        ("[1, [2,], ()]", "[1, [2], ()]"),
        ("(1)", "1"),
        ("(1,)", "(1,)"),
        ("((1, 2), [])", "((1, 2), [])"),
        ("{}", "{}"),
        ("{1: 'a', (2,): {},}", "{1: 'a', (2,): {}}"),
        ("{3, 1,}", "{3, 1}"),
        ("set()", "set()"),
        ("frozenset([1, 2])", "frozenset({1, 2})"),
        ("range(3)", "range(0, 3)"),
        ("range(9, 0, -2)", "range(9, 0, -2)"),
    ];
    for (text, repr) in cases {
        assert_eq!(parse(text).to_string(), repr, "{text}");
        let again = parse(&parse(text).to_ascii());
        assert!(equal(&again, &parse(text), Comparison::Exact), "{text}: {again}");
    }
}

/// FR-022: a mistake of a test's author is found when the test is read, with its place.
#[test]
fn mistakes_are_named() {
    let cases = [
        ("", 1, "should be a value"),
        ("[1, 2", 6, "\",\""),
        ("[1 2]", 4, "\",\""),
        ("[,]", 2, "begins no literal"),
        ("x", 1, "\"x\" is no literal"),
        ("[1, true]", 5, "\"true\" is no literal"),
        ("012", 1, "leading zeros"),
        ("1__0", 1, "is no number"),
        ("1x", 1, "is no number"),
        ("1 + 2", 5, "imaginary"),
        ("1 2", 3, "should end here"),
        ("'abc", 1, "does not end"),
        ("'a\nb'", 1, "does not end in its line"),
        ("f'x'", 1, "no prefix"),
        ("'a' b'b'", 5, "cannot be joined"),
        ("b'é'", 3, "ASCII"),
        (r"'\N{DASH}'", 2, "write the character itself"),
        (r"'\x4'", 2, "2 hexadecimal digits"),
        (r"'\U00110000'", 2, "no such character"),
        ("{[1]: 2}", 2, "a list can be neither in a set nor a key"),
        ("{1, 2, 1.0}", 2, "1 is here twice"),
        ("{1: 'a', True: 'b'}", 2, "1 is here twice"),
        ("{(1,), (True,)}", 2, "is here twice"),
        ("range(1, 2, 0)", 1, "no arguments"),
        ("open('x')", 1, "\"open\" is no literal"),
        ("__import__('os')", 1, "is no literal"),
    ];
    for (text, at, problem) in cases {
        let error = Value::parse(text).expect_err(text);
        assert!(error.at == at && error.problem.contains(problem), "{text}: {error}");
    }
    assert!(Value::parse(&"[".repeat(100_000)).is_err());
    assert!(Value::parse(&"[".repeat(60_000)).is_err(), "deep nesting neither overflows the stack");
    assert!(Value::parse(&"9".repeat(5_000)).unwrap_err().problem.contains("hexadecimal"));
}

/// FR-022: what counts as equal, by each rule.
#[test]
fn comparisons_keep_their_rules() {
    use Comparison::{Approximate, Exact, Unordered};
    let cases = [
        ("1", "1", true, true, true),
        ("1", "True", false, false, false),
        ("1", "1.0", false, true, false),
        ("0", "False", false, false, false),
        ("0.0", "-0.0", true, true, true),
        ("nan", "nan", true, true, true),
        ("0.1", "0.1000000000000001", false, true, false),
        ("0.1", "0.1001", false, false, false),
        ("0.0", "1e-10", false, true, false),
        ("1e300", "1.0000001e300", false, true, false),
        ("inf", "1e308", false, false, false),
        ("9007199254740993", "9007199254740992.0", false, true, false),
        ("1+2j", "1.0000000001+2j", false, true, false),
        ("[1, 2]", "[2, 1]", false, false, true),
        ("(1, 2)", "(2, 1)", false, false, true),
        ("[1, 2]", "(1, 2)", false, false, false),
        ("[1, 1, 2]", "[1, 2, 2]", false, false, false),
        ("[[1, 2]]", "[[2, 1]]", false, false, false),
        ("[[1, 2.0], 'a']", "[[1.0, 2], 'a']", false, true, false),
        ("{1, 2}", "{2, 1}", true, true, true),
        ("{3, 2.5}", "{3.0, 2.5}", false, true, false),
        ("{1}", "frozenset({1})", false, false, false),
        ("{'a': 1, 'b': [2]}", "{'b': [2], 'a': 1}", true, true, true),
        ("{'a': 0.1}", "{'a': 0.10000000001}", false, true, false),
        ("{1: 0}", "{1.0: 0}", false, false, false),
        ("'a'", "b'a'", false, false, false),
        ("b'a'", "bytearray(b'a')", false, false, false),
        ("'a'", "'A'", false, false, false),
        ("range(3)", "range(0, 3)", true, true, true),
        ("range(5, 5)", "range(9, 0)", true, true, true),
        ("range(0, 5, 2)", "range(0, 6, 2)", true, true, true),
        ("range(4, 0, -2)", "range(4, 1, -2)", true, true, true),
        ("range(0, 5, 2)", "range(0, 7, 2)", false, false, false),
        ("range(3)", "[0, 1, 2]", false, false, false),
        ("[]", "[None]", false, false, false),
    ];
    for (one, other, exact, approximate, unordered) in cases {
        let (left, right) = (parse(one), parse(other));
        for (comparison, wanted) in [(Exact, exact), (Approximate, approximate), (Unordered, unordered)] {
            assert_eq!(equal(&left, &right, comparison), wanted, "{one} and {other}, {comparison:?}");
        }
    }
}

/// FR-022: what a program builds to confuse the comparison is equal to nothing.
#[test]
fn strange_values_are_never_equal() {
    let strange = [
        r#"{"t":"other","type":"Liar","repr":"1"}"#,
        r#"{"t":"other","type":"int","repr":""}"#,
        r#"{"t":"cycle"}"#,
        r#"{"t":"too_large","reason":"depth"}"#,
        r#"{"t":"list","v":[{"t":"list","v":[{"t":"cycle"}]}]}"#,
    ];
    for text in strange {
        let value = Value::from_tagged_json(text).unwrap();
        for comparison in [Comparison::Exact, Comparison::Approximate, Comparison::Unordered] {
            assert!(!equal(&value, &value, comparison) && !equal(&parse("1"), &value, comparison), "{text}");
        }
    }
    // A nest of small sets must not take exponential time.
    let mut nest = r#"{"t":"int","v":"1"}"#.to_owned();
    for _ in 0..12 {
        nest = format!(r#"{{"t":"frozenset","v":[{nest},{nest}]}}"#);
    }
    let nest = Value::from_tagged_json(&nest).unwrap();
    assert!(equal(&nest, &nest, Comparison::Exact));
}

/// FR-022: tagged JSON that no harness writes is refused, not guessed at.
#[test]
fn tagged_json_is_strict() {
    let wrong = [
        "",
        "1",
        "[]",
        "{}",
        r#"{"t":"int"}"#,
        r#"{"t":"int","v":1}"#,
        r#"{"t":"int","v":"0x1"}"#,
        r#"{"t":"int","v":"1","x":"1"}"#,
        r#"{"t":"bool","v":"true"}"#,
        r#"{"t":"float","v":"one"}"#,
        r#"{"t":"complex","v":["1.0"]}"#,
        r#"{"t":"bytes","v":"f"}"#,
        r#"{"t":"dict","v":[[{"t":"none"}]]}"#,
        r#"{"t":"none","v":true}"#,
        r#"{"t":"none","extra":true}"#,
        r#"{"t":"none","t":"none"}"#,
        r#"{"t":"none""#,
        r#"{"t":"str","v":"\ud8"}"#,
        r#"{"t":"none"}x"#,
        r#"{"t":"list","v":[{"t":"none"},]}"#,
    ];
    for text in wrong {
        assert!(Value::from_tagged_json(text).is_err(), "{text}");
    }
    let surrogates = Value::from_tagged_json(r#"{"t":"str","v":"\ud83d\ude00\ud83d\u0041"}"#).unwrap();
    assert_eq!(surrogates.to_string(), r"'😀\ud83dA'");
    assert!(Value::from_tagged_json(&r#"{"t":"list","v":["#.repeat(50_000)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// FR-022: a value survives being written and read, as a literal and as tagged JSON.
    #[test]
    fn values_round_trip(value in any_value()) {
        for text in [value.to_string(), value.to_ascii()] {
            let read = Value::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
            prop_assert!(equal(&read, &value, Comparison::Exact), "{} became {}", text, read);
        }
        prop_assert!(value.to_ascii().is_ascii());
        let read = Value::from_tagged_json(&tagged(&value)).unwrap();
        prop_assert!(equal(&read, &value, Comparison::Exact));
    }

    /// FR-022: every comparison is reflexive and symmetric; what is exactly equal is equal by any rule.
    #[test]
    fn comparisons_are_fair(one in any_value(), other in any_value()) {
        let pairs = [(&one, &one), (&one, &other), (&other, &one)];
        for comparison in [Comparison::Exact, Comparison::Approximate, Comparison::Unordered] {
            let [same, there, back] = pairs.map(|(left, right)| equal(left, right, comparison));
            prop_assert!(same, "{} is not itself", one);
            prop_assert_eq!(there, back);
            prop_assert!(there || !equal(&one, &other, Comparison::Exact));
        }
    }

    /// FR-022: no text makes a reader panic, and no two values an explanation.
    #[test]
    fn nothing_panics(
        junk in r#"[\[\](){}'",:.0-9eEjx+\-_ a-frbuN\\\n\PC]{0,60}"#,
        one in any_value(),
        other in any_value(),
    ) {
        let _ = Value::parse(&junk);
        let _ = Value::from_tagged_json(&junk);
        let _ = Value::from_tagged_json(&junk.replace(['(', '\''], "\""));
        let verdict = learnflow_grading::judge_value(&one, &other, Comparison::Exact, true);
        prop_assert_eq!(verdict.passed, verdict.message.is_none());
        let text = one.to_string();
        let verdict = learnflow_grading::judge_output(&text, &junk, learnflow_grading::OutputComparison::Whitespace, true);
        prop_assert_eq!(verdict.passed, verdict.message.is_none());
    }
}
