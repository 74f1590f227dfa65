//! FR-018: the cause is found in the program, and the correction is the right one.
#![allow(clippy::unwrap_used, reason = "a step that fails is to fail the test")]

mod support;

use std::fmt::Write as _;

use learnflow_diagnosis::{Stopped, diagnose, stopped};
use support::{run, tutor};

/// A program, words of the cause, and the corrected line (empty if none is to be given).
const PROGRAMS: &[(&str, &str, &[&str], &str)] = &[
    ("total = 3\nprint(totl)", "", &["spelled almost the same"], "print(total)"),
    ("Print(3)", "", &["spelled almost the same"], "print(3)"),
    ("x = true", "", &["`true`"], "x = True"),
    ("print(math.pi)", "", &["module", "import"], "import math"),
    ("print(sqrt(4))", "", &["`math`", "import"], "from math import sqrt"),
    ("print(a)\na = 1", "", &["line 2", "top to bottom"], ""),
    ("def f():\n    inner = 3\nf()\nprint(inner)", "", &["inside the function `f`"], ""),
    ("class A:\n    def f():\n        return self.x\nA.f()", "", &["`self`"], "def f(self):"),
    (
        "class A:\n    def __init__(self):\n        self.x = 1\n    def f(self):\n        return x\nA().f()",
        "",
        &["attribute"],
        "return self.x",
    ),
    ("n = 0\ndef add():\n    n += 1\nadd()", "", &["`add`", "line 3", "line 1"], ""),
    ("age = input()\nprint(age + 1)", "5\n", &["`input` in line 1", "text"], "age = int(input())"),
    ("age = input()\nif age > 3:\n    print(1)", "5\n", &["`input` in line 1"], "age = int(input())"),
    ("age = 3\nprint('age: ' + age)", "", &["`age` is a `int`"], "print('age: ' + str(age))"),
    ("print('a' + str(1) + 2)", "", &["`2`"], "print('a' + str(1) + str(2))"),
    ("def area(a):\n    print(a * a)\nx = area(2) + 1", "", &["`area`", "no `return`"], "return a * a"),
    ("def area(a):\n    b = a * a\nx = area(2)\nprint(x[0])", "", &["`area`", "no `return`"], ""),
    ("xs = [2, 1]\nxs = xs.sort()\nprint(xs[0])", "", &["`.sort`", "line 2"], "xs.sort()"),
    ("xs = [1]\nprint(xs(0))", "", &["line 1", "not a function"], "print(xs[0])"),
    ("list = [1]\nprint(list('ab'))", "", &["hides", "Line 1"], "my_list = [1]"),
    ("x = 3\nprint(2(x + 1))", "", &["number"], "print(2 * (x + 1))"),
    ("def add(a, b):\n    return a + b\nadd(1)", "", &["`add` in line 1 takes 2 values", "gives 1"], ""),
    ("def add(a, b):\n    return a + b\nadd(1, 2, 3)", "", &["`add` in line 1 takes 2 values", "gives 3"], ""),
    ("class A:\n    def f():\n        return 1\nA().f()", "", &["no parameter for the object"], "def f(self):"),
    ("class A:\n    def f(self):\n        return 1\nA.f()", "", &["instead of on an object"], "A().f()"),
    (
        "class A:\n    def _init_(self, x):\n        self.x = x\nA(1)",
        "",
        &["no method `__init__`"],
        "def __init__(self, x):",
    ),
    ("def f(name):\n    return name\nf(nme=1)", "", &["isn't among them"], "f(name=1)"),
    (
        "xs = [1, 2]\nfor i in range(len(xs) + 1):\n    print(xs[i])",
        "",
        &["line 2", "up to and including"],
        "for i in range(len(xs)):",
    ),
    (
        "xs = [1, 2]\nfor i in range(len(xs)):\n    print(xs[i + 1])",
        "",
        &["one item ahead"],
        "for i in range(len(xs) - 1):",
    ),
    ("xs = [1, 2]\ni = 0\nwhile i <= len(xs):\n    print(xs[i])\n    i += 1", "", &["line 3"], "while i < len(xs):"),
    ("xs = [1, 2, 3]\nprint(xs[3])", "", &["3 items", "from 0"], "print(xs[2])"),
    ("xs = [1]\nprint(xs[len(xs)])", "", &["length"], "print(xs[-1])"),
    ("xs = []\nxs[0] = 5", "", &["empty"], "xs.append(5)"),
    ("xs = ['a', 'b']\nfor x in xs:\n    print(xs[x])", "", &["already, not a position"], "print(x)"),
    ("grid = [[1]]\nprint(grid[0, 0])", "", &["two positions"], "print(grid[0][0])"),
    ("d = {'apple': 1}\nprint(d['aple'])", "", &["spelled almost the same"], "print(d['apple'])"),
    ("d = {'1': 1}\nprint(d[1])", "", &["a number", "text that looks the same"], ""),
    ("xs = [1]\nxs.push(2)", "", &["`push`"], "xs.append(2)"),
    ("s = 'a'\nprint(s.uper())", "", &["`str`", "`uper`"], "print(s.upper())"),
    ("s = {}\ns.append(1)", "", &["`dict`", "`append`"], ""),
    (
        "class Dog:\n    def __init__(self):\n        self.name = 1\nprint(Dog().nmae)",
        "",
        &["similar name"],
        "print(Dog().name)",
    ),
    ("import math\nprint(math.sqr(4))", "", &["`math`"], "print(math.sqrt(4))"),
    ("import maths", "", &["similar name"], "import math"),
    ("import numpy_missing_here", "", &["found none"], ""),
    ("def f(n):\n    return f(n - 1)\nf(3)", "", &["Every way through `f`"], ""),
    ("def f(n):\n    if n == 0:\n        return 0\n    return f(n)\nf(3)", "", &["same values"], ""),
    ("def f(n):\n    if n == 0:\n        return 0\n    return f(n - 2)\nf(3)", "", &["has an end"], ""),
    ("d = {1: 2, 3: 4}\nfor k in d:\n    del d[k]", "", &["line 2"], "for k in list(d):"),
    ("xs = []\nprint(sum(xs) / len(xs))", "", &["divisor `len(xs)`"], ""),
    ("a = input()\nb = input()", "5\n", &["the lines 1, 2"], ""),
    ("print(int('3.5'))", "", &["`3.5`"], "print(float('3.5'))"),
    ("d = {'abc': 1}\nfor k, v in d:\n    print(k)", "", &["keys only"], "for k, v in d.items():"),
    ("for i in 5:\n    print(i)", "", &["single number"], "for i in range(5):"),
    ("print(len['abc'])", "", &["`len` is a function"], "print(len('abc'))"),
    ("if True\n    print(1)", "", &["colon"], "if True:"),
    ("if 1 == 2:\n    print(1)\nelse if 3:\n    print(2)", "", &["`else`"], "elif 3:"),
    ("while True print(1)", "", &["colon"], "while True: print(1)"),
    ("x = 3\nif x = 3:\n    print(x)", "", &["single `=`"], "if x == 3:"),
    ("print((1 + 2)", "", &["no partner"], "print((1 + 2))"),
    ("for i in range(3:\n    print(i)", "", &["opened"], "for i in range(3):"),
    ("print('It's me')", "", &["apostrophe"], "print(\"It's me\")"),
    ("print(\"hi')", "", &["begins with"], "print(\"hi\")"),
    ("print(\"hi)", "", &["no end"], "print(\"hi\")"),
    ("print \"hi\"", "", &["brackets"], "print(\"hi\")"),
    ("print(“hi”)", "", &["only looks like"], "print(\"hi\")"),
    ("x = 5\nx++", "", &["isn't an operator"], "x += 1"),
    ("a = b = 1\nif a == 1 && b == 1:\n    print(1)", "", &["isn't an operator"], "if a == 1 and b == 1:"),
    ("class = 3", "", &["a word of Python itself"], "class_ = 3"),
    ("function f():\n    return 1", "", &["isn't a word of Python"], "def f():"),
    ("x = 5 +", "", &["something is missing"], ""),
    ("else:\n    print(1)", "", &["belongs to"], ""),
    ("print(1, 2 3)", "", &["side by side"], "print(1, 2, 3)"),
    ("def f()\n    return 1", "", &["colon"], "def f():"),
    ("def f:\n    return 1", "", &["round brackets"], "def f():"),
    ("if True:\nprint(1)", "", &["announces a block"], "print(1)"),
    ("x = 1\n  y = 2", "", &["white space"], "y = 2"),
    ("def f():\n    x = 1\nreturn x", "", &["`f`"], "return x"),
];

#[test]
fn causes_are_found_in_the_program() {
    let tutor = tutor();
    let programs: Vec<_> = PROGRAMS.iter().map(|(code, stdin, ..)| (*code, *stdin)).collect();
    let mut wrong = String::new();
    for ((code, _, words, solution), ended) in PROGRAMS.iter().zip(run(&programs)) {
        let Some(ended) = ended else {
            let _ = writeln!(wrong, "runs well:\n{code}\n");
            continue;
        };
        let found = diagnose(&tutor, code, &ended.report).unwrap();
        let fix = found.solution.as_ref().map_or("", |fix| fix.text.trim());
        if fix != *solution || words.iter().any(|word| !found.root_cause.contains(word)) {
            let _ = writeln!(
                wrong,
                "{code}\n{}wanted {words:?} {solution:?}\n{}\n{fix:?}\n",
                ended.report, found.root_cause
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// FR-019: work elsewhere in the program doesn't begin the ladder anew; another mistake does.
#[test]
fn a_problem_keeps_its_name() {
    let tutor = tutor();
    let codes =
        ["total = 3\nprint(totl)\n", "# a note\ntotal = 4\nprint( totl )  # here\n", "total = 3\nprint(totl, 1)\n"];
    let ended = run(&codes.map(|code| (code, "")));
    let problems: Vec<_> = codes
        .iter()
        .zip(ended)
        .map(|(code, ended)| diagnose(&tutor, code, &ended.unwrap().report).unwrap().problem)
        .collect();
    assert_eq!(problems[0], problems[1]);
    assert_ne!(problems[0], problems[2]);
}

/// FR-018: loops without an end are told from the program.
#[test]
fn endless_loops_are_found() {
    let found = stopped("i = 0\nwhile i < 3:\n    print('x')\n", Stopped::Time);
    assert!(found.line == 2 && found.root_cause.contains("changes `i`"), "{found:?}");
    let found = stopped("while True:\n    x = 1\n", Stopped::Output);
    assert!(found.root_cause.contains("always true"), "{found:?}");
    // A loop that may end is not blamed.
    for innocent in ["i = 0\nwhile i < 3:\n    i += 1\n", "while True:\n    break\n", "while todo:\n    todo.pop()\n"] {
        assert!(!stopped(innocent, Stopped::Time).is_from_program, "{innocent}");
    }
}

/// Robustness: whatever a student sends, there is an answer, and soon.
#[test]
fn odd_programs_are_survived() {
    let tutor = tutor();
    let deep = "(".repeat(60_000);
    let report = "  File \"main.py\", line 1\n    x\n    ^\nSyntaxError: invalid syntax\n";
    for code in ["", "\u{feff}x", &deep, "\0", "é“ ' \" \\", "\n\n\n", "x = '''"] {
        for message in [
            "invalid syntax",
            "expected ':'",
            "unterminated string literal (detected at line 1)",
            "'(' was never closed",
            "unmatched ')'",
        ] {
            let report = report.replace("invalid syntax", message);
            let found = diagnose(&tutor, code, &report).unwrap();
            assert!(found.hints.iter().all(|hint| !hint.is_empty()));
        }
        for error in [
            "NameError: name 'x' is not defined",
            "TypeError: 'NoneType' object is not iterable",
            "KeyError: ''",
            "KeyError: '",
            "IndexError: list index out of range",
        ] {
            let report = format!("Traceback (most recent call last):\n  File \"main.py\", line 7, in f\n{error}\n");
            assert!(diagnose(&tutor, code, &report).is_some(), "{error}");
        }
    }
}
