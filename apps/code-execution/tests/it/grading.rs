use std::time::{Duration, Instant};

use learnflow_proto::v1::{CaseResult, FunctionCase, GradeRequest, ProgramCase, TestCase, test_case::Kind};
use tonic::{Code, Status};

use crate::support::{Served, from, serve};

fn call(function: &str, arguments: &[&str], expected: &str) -> TestCase {
    compared(function, arguments, expected, "exact")
}

fn compared(function: &str, arguments: &[&str], expected: &str, comparison: &str) -> TestCase {
    let function = FunctionCase {
        function: function.to_owned(),
        arguments: arguments.iter().map(ToString::to_string).collect(),
        expected: expected.to_owned(),
        comparison: comparison.to_owned(),
    };
    TestCase { name: String::new(), kind: Some(Kind::Function(function)), visible: true }
}

fn prints(stdin: &str, expected: &str) -> TestCase {
    let (stdin, expected_stdout) = (stdin.to_owned(), expected.to_owned());
    let program = ProgramCase { stdin, expected_stdout, comparison: String::new() };
    TestCase { name: String::new(), kind: Some(Kind::Program(program)), visible: true }
}

fn hidden(case: TestCase) -> TestCase {
    TestCase { visible: false, ..case }
}

async fn try_grade(served: &Served, code: &str, cases: Vec<TestCase>) -> Result<Vec<CaseResult>, Status> {
    let name = |(index, case)| TestCase { name: format!("case {index}"), ..case };
    let request = GradeRequest {
        code: code.to_owned(),
        cases: cases.into_iter().enumerate().map(name).collect(),
        time_limit_ms: Some(1_000),
        ..Default::default()
    };
    served.client.clone().grade(from("ada", request)).await.map(|response| response.into_inner().results)
}

async fn grade(served: &Served, code: &str, cases: Vec<TestCase>) -> Vec<CaseResult> {
    let count = cases.len();
    let results = try_grade(served, code, cases).await.unwrap();
    let names: Vec<_> = results.iter().map(|result| result.name.clone()).collect();
    assert_eq!(names, (0..count).map(|index| format!("case {index}")).collect::<Vec<_>>());
    results
}

fn statuses(results: &[CaseResult]) -> Vec<&str> {
    results.iter().map(|result| result.status.as_str()).collect()
}

/// FR-022, FR-023: each case gets its verdict, its output and a sentence.
#[tokio::test(flavor = "multi_thread")]
async fn cases_are_judged() {
    let served = serve().await;
    let code = "\
def add(a, b):
    print('adding')
    return a + b

def pairs(n):
    return {i: (i, [str(i)]) for i in range(n)}

def broken(x):
    return x[0]

def slow():
    while True: pass

def nothing():
    pass

if __name__ == '__main__':
    name = input()
    print('Hello', name, '  ')
";
    let cases = vec![
        call("add", &["1", "2"], "3"),
        call("add", &["[1]", "[inf, nan]"], "[1, inf, nan]"),
        compared("add", &["0.1", "0.2"], "0.3", "approximate"),
        call("add", &["0.1", "0.2"], "0.3"),
        compared("add", &["[3, 1]", "[2]"], "[1, 2, 3]", "unordered"),
        call("pairs", &["2"], "{0: (0, ['0']), 1: (1, ['1'])}"),
        call("broken", &["[]"], "1"),
        call("slow", &[], "1"),
        call("nothing", &[], "1"),
        call("missing", &[], "1"),
        prints("Ada\n", "Hello Ada\n"),
        prints("Ada\n", "Hello Bob\n"),
        prints("", "Hello\n"),
    ];
    let results = grade(&served, code, cases).await;
    let wanted = [
        "passed", "passed", "passed", "failed", "passed", "passed", "error", "timeout", "failed", "error", "passed",
        "failed", "error",
    ];
    assert_eq!(statuses(&results), wanted, "{results:#?}");
    assert_eq!((results[0].stdout.as_deref(), results[0].actual.as_deref()), (Some("adding\n"), Some("3")));
    assert_eq!(results[0].message, None);
    assert!(results[3].message.as_deref().unwrap().contains("very close"), "{:?}", results[3]);
    let error = results[6].error.as_deref().unwrap();
    assert!(
        error.contains("File \"main.py\", line 9") && error.ends_with("IndexError: list index out of range\n"),
        "{error}"
    );
    assert_eq!(results[7].limit.as_deref(), Some("wall_time"));
    assert!(results[8].message.as_deref().unwrap().contains("is a return missing?"));
    assert_eq!(results[11].message.as_deref(), Some("line 1 should be 'Hello Bob', not 'Hello Ada'"));
    assert!(results[12].error.as_deref().unwrap().contains("EOFError"), "{:?}", results[12]);

    let results = grade(&served, "def f(:", vec![call("f", &[], "1"), prints("", "")]).await;
    assert_eq!(statuses(&results), ["error", "error"]);
    assert!(results[0].error.as_deref().unwrap().contains("SyntaxError"), "{results:?}");
}

/// FR-024: of a hidden case the result has name, status and time, whatever the program does.
#[tokio::test(flavor = "multi_thread")]
async fn hidden_cases_say_nothing() {
    let served = serve().await;
    let code = "\
import sys
def f(x):
    print('secret', x)
    print('secret', x, file=sys.stderr)
    if x == 2: raise ValueError(x)
    return x
print(input())
";
    let cases = vec![
        hidden(call("f", &["1"], "1")),
        hidden(call("f", &["2"], "1")),
        hidden(call("f", &["3"], "1")),
        hidden(prints("4\n", "5\n")),
    ];
    let code = code.replace("print(input())", "if __name__ == '__main__': print(input())");
    let results = grade(&served, &code, cases).await;
    assert_eq!(statuses(&results), ["passed", "error", "failed", "failed"]);
    for result in results {
        let told = [&result.actual, &result.stdout, &result.error, &result.message];
        assert!(told.into_iter().all(Option::is_none), "{result:?}");
    }
}

/// FR-024: the expected value, and what later cases are given, is nowhere a program can look.
#[tokio::test(flavor = "multi_thread")]
async fn expected_values_are_nowhere() {
    let served = serve().await;
    let code = "\
import ctypes, gc, os, sys
found = []

def note(where, text):
    if isinstance(text, (bytes, bytearray)): text = bytes(text).decode('latin-1')
    # The word is nowhere in the program, nor kept by it: it must not find itself.
    if isinstance(text, str) and '-'.join(['xyzzy', '7319']) in text: found.append(where)

def look(arg):
    for thing in gc.get_objects():
        if thing is found: continue
        for inner in [thing, *gc.get_referents(thing)]:
            try: note('gc', inner)
            except Exception: pass
    frame = sys._getframe()
    while frame is not None:
        for name, value in {**frame.f_globals, **frame.f_locals}.items():
            note('frame', repr(value))
        frame = frame.f_back
    for key, value in os.environ.items(): note('environment', key + value)
    note('arguments', repr(sys.argv) + repr(sys.orig_argv))
    for root, _, names in os.walk('/'):
        if root.startswith(('/usr', '/lib', '/sys')): continue
        for name in names:
            path = os.path.join(root, name)
            note('name', path)
            try:
                with open(path, 'rb') as file: note(path, file.read(1 << 20))
            except OSError: pass
    for fd in range(256):
        if fd in (1, 2): continue
        try:
            os.set_blocking(fd, False)
            note('fd %d' % fd, os.read(fd, 1 << 20))
        except OSError: pass
        try: note('fd %d' % fd, os.pread(fd, 1 << 20, 0))
        except OSError: pass
    try:
        with open('/proc/self/mem', 'rb') as memory: found.append('memory')
    except OSError: pass
    return sorted(set(found))

if __name__ == '__main__':
    print(look(None))
";
    let expected = "'xyzzy-7319'";
    let cases = vec![
        call("look", &["None"], expected),
        prints("", "xyzzy-7319"),
        call("look", &["None"], "{'xyzzy-7319': ['xyzzy-7319']}"),
        // Their arguments must not be there before their turn.
        hidden(call("look", &["'xyzzy-7319-argument'"], "1")),
        hidden(prints("xyzzy-7319-stdin", "1")),
        // The program does find what is there: its own argument.
        call("look", &["'xyzzy-7319'"], "None"),
    ];
    let results = grade(&served, code, cases).await;
    assert!(results[5].actual.as_deref().unwrap().contains("frame"), "{:?}", results[5]);
    for result in &results[..3] {
        assert_eq!(result.status, "failed", "{result:?}");
        let shown = result.actual.as_deref().unwrap().trim();
        assert_eq!(shown, "[]", "the program found it: {result:?}");
        assert!(!format!("{:?} {:?}", result.stdout, result.error).contains("7319"), "{result:?}");
    }
}

/// FR-024: a program cannot pass by anything but the right value.
#[tokio::test(flavor = "multi_thread")]
async fn verdicts_cannot_be_forged() {
    let served = serve().await;
    let forged = [
        "import os\ndef f(x): os._exit(0)",
        "import sys\ndef f(x): sys.exit(0)",
        "def f(x): raise SystemExit",
        "class Yes:\n    def __eq__(self, other): return True\n    def __hash__(self): return 42\n    def __repr__(self): return '42'\ndef f(x): return Yes()",
        "class Int(int):\n    def __eq__(self, other): return True\ndef f(x): return Int(42)",
        "def f(x):\n    print('{\"t\":\"int\",\"v\":\"42\"}', flush=True)",
        "import os\ndef f(x):\n    for fd in range(3, 256):\n        try: os.write(fd, b'{\"t\":\"int\",\"v\":\"42\"}\\n')\n        except OSError: pass\n    os._exit(0)",
        "import json\njson.dumps = lambda *a, **k: '{\"t\":\"int\",\"v\":\"42\"}'\nimport json.encoder\njson.encoder.JSONEncoder.encode = json.dumps\ndef f(x): return 1",
        "import builtins\nbuiltins.type = lambda *a: int\nbuiltins.str = lambda *a: '42'\nbuiltins.repr = builtins.str\ndef f(x): return 1",
        "import builtins, sys\nbuiltins.isinstance = lambda *a: True\nbuiltins.int = lambda *a: 42\nfor m in list(sys.modules.values()):\n    for k in list(vars(m)) if hasattr(m, '__dict__') else []:\n        if k.startswith('encode'): setattr(m, k, lambda *a, **k: '{\"t\":\"int\",\"v\":\"42\"}')\ndef f(x): return 1",
        "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n        for name in list(frame.f_locals):\n            try: frame.f_locals[name] = 42\n            except Exception: pass\n        frame = frame.f_back\n    return 1",
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): return 1",
        "f = lambda x: [42]",
        "def f(x): return 42.0",
        "def f(x): return '42'",
        "def f(x):\n    yield 42",
        "async def f(x): return 42",
    ];
    for code in forged {
        let results = grade(&served, code, vec![call("f", &["1"], "42"), hidden(call("f", &["2"], "42"))]).await;
        for result in results {
            assert!(["failed", "error"].contains(&result.status.as_str()), "{code}\n{result:?}");
        }
    }
    // An error in one case leaves the others alone.
    let code = "import os\ndef f(x):\n    if x == 1: os.kill(os.getpid(), 9)\n    return 42";
    let results = grade(&served, code, vec![call("f", &["1"], "42"), call("f", &["2"], "42")]).await;
    assert_eq!(statuses(&results), ["error", "passed"]);
    let exits = grade(&served, "import sys\nprint('right')\nsys.exit(1)", vec![prints("", "right")]).await;
    assert_eq!(statuses(&exits), ["error"], "the right output with an error is none");
}

/// FR-024: every case begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn cases_share_nothing() {
    let served = serve().await;
    let code = "import os\ncount = 0\ndef f():\n    global count\n    count += 1\n    seen = os.path.exists('/tmp/mark')\n    open('/tmp/mark', 'w').close()\n    return count, seen";
    let results = grade(&served, code, vec![call("f", &[], "(1, False)"); 5]).await;
    assert_eq!(statuses(&results), ["passed"; 5], "{results:?}");
}

/// FR-022: a program that hangs in every case is given up within the caller's deadline, and each case has a result.
#[tokio::test(flavor = "multi_thread")]
async fn hanging_programs_are_given_up() {
    let served = serve().await;
    let case = |index: usize| TestCase { name: index.to_string(), ..call("f", &[&index.to_string()], "1") };
    let request = GradeRequest {
        code: "def f(x):\n    while x: pass\n    return 1".to_owned(),
        cases: (0..8).map(case).collect(),
        time_limit_ms: Some(500),
        ..Default::default()
    };
    let mut request = from("ada", request);
    request.set_timeout(Duration::from_secs(4));
    let begun = Instant::now();
    let results = served.client.clone().grade(request).await.unwrap().into_inner().results;
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let mut wanted = ["timeout"; 8];
    wanted[0] = "passed";
    assert_eq!(statuses(&results), wanted);
    assert!(results.iter().all(|result| result.status == "passed" || result.limit.as_deref() == Some("wall_time")));
    assert!(results[1].duration_ms >= 500 && results[7].duration_ms == 0, "{results:?}");
}

/// FR-018: the executed lines of each case, for finding faults.
#[tokio::test(flavor = "multi_thread")]
async fn executed_lines_are_told() {
    let served = serve().await;
    let code = "def f(x):\n    if x:\n        return 1\n    return 2\n";
    let cases = [("a", "True"), ("b", "False")];
    let cases = cases.map(|(name, argument)| TestCase { name: name.to_owned(), ..hidden(call("f", &[argument], "1")) });
    let request = GradeRequest { code: code.to_owned(), cases: cases.into(), coverage: true, ..Default::default() };
    let results = served.client.clone().grade(from("ada", request)).await.unwrap().into_inner().results;
    assert_eq!(statuses(&results), ["passed", "failed"]);
    assert_eq!(results[0].executed_lines, [1, 2, 3]);
    assert_eq!(results[1].executed_lines, [1, 2, 4]);
}

/// FR-022: a mistake in a test case is refused with its place, before anything runs.
#[tokio::test(flavor = "multi_thread")]
async fn mistakes_in_cases_are_refused() {
    let served = serve().await;
    let empty = TestCase { name: String::new(), kind: None, visible: false };
    let wrong = [
        (vec![], "cases: "),
        (vec![prints("", ""); 51], "cases: "),
        (vec![empty], "cases[0]: "),
        (vec![prints("", ""), call("f", &["1", "x"], "1")], "cases[1].function.arguments[1]: character 1: \"x\""),
        (vec![call("f", &[], "[1")], "cases[0].function.expected: "),
        (vec![call("f(", &[], "1")], "cases[0].function.function: "),
        (vec![compared("f", &[], "1", "fuzzy")], "cases[0].function.comparison: "),
        (vec![prints(&"x".repeat(70_000), "")], "cases[0].program.stdin: "),
    ];
    for (cases, message) in wrong {
        let refused = try_grade(&served, "pass", cases).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().starts_with(message), "{message}: {}", refused.message());
    }
    let twice = vec![TestCase { name: "same".to_owned(), ..prints("", "") }; 2];
    let request = GradeRequest { code: "pass".to_owned(), cases: twice, ..Default::default() };
    let refused = served.client.clone().grade(from("ada", request)).await.unwrap_err();
    assert!(refused.message().starts_with("cases[1].name: "), "{}", refused.message());
}
