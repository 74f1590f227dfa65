//! Values written here are read alike by Python, and the other way round. Without Python 3 on the `PATH` this says so and
//! passes.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod support;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use learnflow_grading::{Comparison, Value, equal};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use support::{any_value, tagged};

/// Values in one run.
const VALUES: usize = 3_000;

/// Reads one literal a line, answers with its tagged JSON and its `repr`, tab-separated.
const SCRIPT: &str = r#"
import json, sys
names = {"__builtins__": {}, "inf": float("inf"), "nan": float("nan"), "set": set, "frozenset": frozenset,
         "bytearray": bytearray, "range": range, "complex": complex}
def encode(x):
    t = type(x)
    if x is None: return {"t": "none"}
    if t is bool: return {"t": "bool", "v": x}
    if t is int: return {"t": "int", "v": str(x)}
    if t is float: return {"t": "float", "v": repr(x)}
    if t is complex: return {"t": "complex", "v": [repr(x.real), repr(x.imag)]}
    if t is str: return {"t": "str", "v": x}
    if t in (bytes, bytearray): return {"t": t.__name__, "v": x.hex()}
    if t in (list, tuple, set, frozenset): return {"t": t.__name__, "v": [encode(i) for i in x]}
    if t is dict: return {"t": "dict", "v": [[encode(k), encode(v)] for k, v in x.items()]}
    if t is range: return {"t": "range", "v": [str(x.start), str(x.stop), str(x.step)]}
for line in sys.stdin:
    value = eval(line, dict(names))
    print(json.dumps(encode(value)) + "\t" + ascii(value) + "\t" + repr(value).encode("utf-8", "replace").decode())
"#;

/// FR-022: Python reads what is written here as the same value, and what Python writes is read here as the same.
#[test]
fn python_agrees() {
    let child = Command::new("python3")
        .args(["-I", "-X", "utf8", "-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        #[allow(clippy::print_stderr, reason = "for whoever runs the test")]
        {
            eprintln!("not tested: there is no python3");
        }
        return;
    };
    let mut runner = TestRunner::deterministic();
    let mut values: Vec<_> = (0..VALUES).map(|_| any_value().new_tree(&mut runner).unwrap().current()).collect();
    values.push(Value::parse("'é😀\u{a0}\u{ad}\u{200b}\u{1f468}\u{200d}'").unwrap());
    let mut stdin = child.stdin.take().unwrap();
    let lines: String = values.iter().map(|value| value.to_ascii() + "\n").collect();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let output = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines.len(), values.len(), "Python could not read {}", values[lines.len().min(VALUES)].to_ascii());
    for (value, line) in values.iter().zip(lines) {
        let [encoded, ascii, repr] = line.splitn(3, '\t').collect::<Vec<_>>().try_into().unwrap();
        let read = Value::from_tagged_json(encoded).unwrap();
        assert!(equal(&read, value, Comparison::Exact), "{}: Python read {encoded}", value.to_ascii());
        for text in [ascii, repr] {
            let read = Value::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            // A replacement stands for each lone surrogate in the second one, which the terminal cannot show.
            assert!(
                equal(&read, value, Comparison::Exact) || text == repr && value.to_ascii().contains("\\ud"),
                "{text}"
            );
        }
        // Sets come in an order that only Python knows; quotes in a bytearray it escapes for no reason.
        let alike = !["set", "bytearray", "complex("].iter().any(|word| value.to_ascii().contains(word));
        assert!(
            !alike || value.to_ascii() == ascii || tagged(value).contains("set"),
            "{} is {ascii}",
            value.to_ascii()
        );
    }
}
