//! Test cases: what comes back of them, and what a program cannot do about it.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::{Duration, Instant};

use learnflow_sandbox::{Case, CaseKind, CaseOutcome, Limit, Program, Sandbox, Status};
use support::{sandboxes, within};

fn call(function: &str, arguments: &[&str]) -> Case {
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    Case { name: function.to_owned(), kind: CaseKind::Call { function: function.to_owned(), arguments } }
}

fn input(stdin: &str) -> Case {
    Case { name: "input".to_owned(), kind: CaseKind::Program { stdin: stdin.to_owned() } }
}

async fn grade(sandbox: &Sandbox, code: &str, cases: &[Case]) -> Vec<CaseOutcome> {
    let outcomes = sandbox.grade(within(Program::new(code), Duration::from_secs(2)), cases.to_vec()).await.unwrap();
    assert_eq!(outcomes.len(), cases.len());
    outcomes
}

/// FR-023: values of every kind come back as what they are, and nothing can pass for another kind.
#[tokio::test(flavor = "multi_thread")]
async fn values_come_back_exactly() {
    let code = r#"
import collections, enum
class Liar(list):
    def __eq__(self, other): return True
    def __repr__(self): return "[1, 2]"
class Mute:
    def __repr__(self): raise ValueError
    __class__ = int
class Size(enum.IntEnum):
    SMALL = 1
def same(value): return value
def liar(): return Liar()
def mute(): return Mute()
def size(): return Size.SMALL
def point(): return collections.namedtuple("Point", "x y")(1, 2)
def cycle():
    items = [1]; items.append(items); return items
def deep(n):
    items = []
    for _ in range(n - 1): items = [items]
    return items
def large(): return "x" * 300000
def huge(): return 10 ** 5000
def shared():
    items = [1]; return [items, items]
def gone(): return None
"#;
    let expected = [
        (
            call("same", &["{'a': (1, -2.5), 2: [True, None]}"]),
            r#"{"t":"dict","v":[[{"t":"str","v":"a"},{"t":"tuple","v":[{"t":"int","v":"1"},{"t":"float","v":"-2.5"}]}],[{"t":"int","v":"2"},{"t":"list","v":[{"t":"bool","v":true},{"t":"none"}]}]]}"#,
        ),
        (
            call("same", &["[nan, inf, -0.0, 1e+16]"]),
            r#"{"t":"list","v":[{"t":"float","v":"nan"},{"t":"float","v":"inf"},{"t":"float","v":"-0.0"},{"t":"float","v":"1e+16"}]}"#,
        ),
        (call("same", &["complex(1.0, nan)"]), r#"{"t":"complex","v":["1.0","nan"]}"#),
        (call("same", &["'\\xe9\\n\\ud800'"]), r#"{"t":"str","v":"\u00e9\n\ud800"}"#),
        (call("same", &["b'\\xff'"]), r#"{"t":"bytes","v":"ff"}"#),
        (call("same", &["bytearray(b'a')"]), r#"{"t":"bytearray","v":"61"}"#),
        (call("same", &["frozenset({1})"]), r#"{"t":"frozenset","v":[{"t":"int","v":"1"}]}"#),
        (call("same", &["range(1, 9, 2)"]), r#"{"t":"range","v":["1","9","2"]}"#),
        (call("gone", &[]), r#"{"t":"none"}"#),
        (call("liar", &[]), r#"{"t":"other","type":"Liar","repr":"[1, 2]"}"#),
        (call("mute", &[]), r#"{"t":"other","type":"Mute"}"#),
        (call("size", &[]), r#"{"t":"other","type":"Size","repr":"<Size.SMALL: 1>"}"#),
        (call("point", &[]), r#"{"t":"other","type":"Point","repr":"Point(x=1, y=2)"}"#),
        (call("cycle", &[]), r#"{"t":"list","v":[{"t":"int","v":"1"},{"t":"cycle"}]}"#),
        (
            call("shared", &[]),
            r#"{"t":"list","v":[{"t":"list","v":[{"t":"int","v":"1"}]},{"t":"list","v":[{"t":"int","v":"1"}]}]}"#,
        ),
        (call("deep", &["65"]), r#"{"t":"too_large","reason":"depth"}"#),
        (call("large", &[]), r#"{"t":"too_large","reason":"size"}"#),
    ];
    for sandbox in sandboxes() {
        let cases: Vec<Case> = expected.iter().map(|(case, _)| case.clone()).collect();
        for (outcome, (_, value)) in grade(&sandbox, code, &cases).await.iter().zip(&expected) {
            assert_eq!((outcome.value.as_deref(), outcome.status), (Some(*value), Status::Completed), "{outcome:?}");
        }
        let others = grade(&sandbox, code, &[call("deep", &["64"]), call("huge", &[])]).await;
        assert!(others[0].value.as_ref().unwrap().starts_with(r#"{"t":"list","v":[{"t":"list""#), "{others:?}");
        assert!(others[1].value.as_ref().unwrap().starts_with(r#"{"t":"int","x":"#), "{others:?}");
    }
}

/// FR-023: every case has a process, input, output and `/tmp` of its own, and errors show the program only.
#[tokio::test(flavor = "multi_thread")]
async fn cases_do_not_see_each_other() {
    let code = "import os, sys\nseen = []\ndef f(n):\n    seen.append(n)\n    print('called', n)\n    \
        here = sorted(os.listdir('/tmp'))\n    os.makedirs('/tmp/a/b/c'); open('/tmp/a/b/c/left', 'w').close()\n    \
        os.symlink('/tmp/main.py', '/tmp/a/link'); os.chmod('/tmp/a/b', 0)\n    return seen, here\n\
        def bad(n):\n    return 1 / n\n\
        if __name__ == '__main__':\n    print(input() * 2, sys.stdin.read(), sys.argv)\n";
    for sandbox in sandboxes() {
        let cases = [call("f", &["1"]), input("ab\nrest"), call("bad", &["0"]), call("f", &["2"]), input("")];
        let outcomes = grade(&sandbox, code, &cases).await;
        let seen = |n: u32| {
            format!(
                r#"{{"t":"tuple","v":[{{"t":"list","v":[{{"t":"int","v":"{n}"}}]}},{{"t":"list","v":[{{"t":"str","v":"main.py"}}]}}]}}"#
            )
        };
        assert_eq!((outcomes[0].value.clone(), outcomes[0].stdout.as_str()), (Some(seen(1)), "called 1\n"));
        assert_eq!((outcomes[3].value.clone(), outcomes[3].stdout.as_str()), (Some(seen(2)), "called 2\n"));
        assert_eq!((outcomes[1].stdout.as_str(), outcomes[1].status), ("abab rest ['main.py']\n", Status::Completed));
        let error = "Traceback (most recent call last):\n  File \"main.py\", line 11, in bad\n    return 1 / n\n           \
            ~~^~~\nZeroDivisionError: division by zero\n";
        assert_eq!((outcomes[2].error.as_str(), outcomes[2].status), (error, Status::RuntimeError));
        assert_eq!((outcomes[2].value.as_ref(), outcomes[2].exit_code), (None, Some(1)));
        assert!(outcomes[4].error.ends_with("EOFError: EOF when reading a line\n"), "{outcomes:?}");
    }
}

/// FR-023: a case that ends badly says how, and the others are not touched by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_case_ends_alone() {
    let code = r#"
import os, signal, sys, time, threading
def good(): return 1
def loop():
    print("begun")
    while True: pass
def leave(): os._exit(0)
def leave_politely(): sys.exit(0)
def kill_all(): os.kill(-1, 9); time.sleep(5)
def stop_parent(): os.kill(os.getppid(), signal.SIGSTOP); time.sleep(5)
def kill_parent(): os.kill(os.getppid(), signal.SIGKILL); time.sleep(0.2); return 1
def interrupt_parent(): os.kill(os.getppid(), signal.SIGINT); time.sleep(0.2); return 1
def hoard(): return len(b"x" * (80 << 20))
def flood():
    while True: print("x" * 1000)
def linger():
    if os.fork() == 0:
        time.sleep(0.3); print("late", flush=True); os._exit(0)
    return 1
def attack(): import ctypes; ctypes.CDLL(None).syscall(101, 0, 0, 0, 0)
"#;
    let bad = [
        ("loop", &[Status::Timeout][..]),
        ("leave", &[Status::RuntimeError]),
        ("leave_politely", &[Status::RuntimeError]),
        ("kill_all", &[Status::Signaled, Status::Violation, Status::RuntimeError]),
        ("stop_parent", &[Status::Timeout, Status::Completed, Status::RuntimeError]),
        ("kill_parent", &[Status::Signaled, Status::Violation, Status::Completed, Status::RuntimeError]),
        ("interrupt_parent", &[Status::Signaled, Status::Violation, Status::Completed, Status::RuntimeError]),
        ("hoard", &[Status::MemoryExceeded]),
        ("flood", &[Status::OutputExceeded]),
        ("linger", &[Status::Completed, Status::RuntimeError]),
        ("attack", &[Status::Violation]),
        ("missing", &[Status::RuntimeError]),
    ];
    for sandbox in sandboxes() {
        let program = within(Program::new(code), Duration::from_millis(600));
        let cases: Vec<Case> = bad.iter().flat_map(|(name, _)| [call(name, &[]), call("good", &[])]).collect();
        let begun = Instant::now();
        let outcomes = sandbox.grade(program, cases).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        for (pair, (name, statuses)) in outcomes.chunks(2).zip(bad) {
            assert!(statuses.contains(&pair[0].status), "{name}: {pair:#?}");
            assert_eq!(pair[1].value.as_deref(), Some(r#"{"t":"int","v":"1"}"#), "after {name}: {pair:#?}");
            assert_eq!((pair[1].status, pair[1].stdout.as_str()), (Status::Completed, ""), "after {name}");
        }
        let limits: Vec<_> = [0, 14, 16].map(|at| outcomes[at].limit).into();
        assert_eq!(limits, [Some(Limit::WallTime), Some(Limit::Memory), Some(Limit::Output)]);
        assert_eq!(outcomes[0].stdout, "begun\n");
        assert_eq!(outcomes[22].error, "NameError: the program defines no 'missing'\n");
    }
}

/// FR-023: a program finds neither the arguments of later cases nor a way to answer for them.
#[tokio::test(flavor = "multi_thread")]
async fn later_cases_are_out_of_reach() {
    let code = r#"
import gc, os, struct, sys
def probe(secret):
    found = []
    frame = sys._getframe()
    while frame:
        found += [repr(value) for value in frame.f_locals.values()]
        frame = frame.f_back
    found += [repr(thing) for thing in gc.get_objects()[:20000] if type(thing) in (bytes, str, list, dict, tuple)]
    found += [repr(vars(module)) for module in list(sys.modules.values()) if hasattr(module, "__dict__")]
    frame = b'D' + struct.pack('<I', 200) + bytes(200)
    for fd in range(3, 64):
        for content in (frame, b'V' + struct.pack('<I', 30) + b'\0' * 5 + b'{"t":"int","v":"42"}    '):
            try: os.write(fd, content)
            except OSError: pass
        try:
            os.set_blocking(fd, False)
            found.append(repr(os.read(fd, 65536)))
        except OSError: pass
    return any("_".join(("later", "value")) in text for text in found)
def answer(secret): return secret
"#;
    for sandbox in sandboxes() {
        let cases = [call("probe", &["'first'"]), call("answer", &["'later_value'"])];
        let outcomes = grade(&sandbox, code, &cases).await;
        // What a program writes to its own channel may spoil its own result, and nothing else.
        assert!(outcomes[0].value.as_deref().is_none_or(|value| !value.contains("true")), "{outcomes:#?}");
        assert_eq!(outcomes[1].value.as_deref(), Some(r#"{"t":"str","v":"later_value"}"#), "{outcomes:#?}");
    }
}

/// FR-023: fifty cases cost little more than one, and executed lines are told per case.
#[tokio::test(flavor = "multi_thread")]
async fn lines_are_told_per_case() {
    let code = "def sign(n):\n    if n < 0:\n        return -1\n    if n > 0:\n        return 1\n    return 0\n";
    for sandbox in sandboxes() {
        let program = Program { coverage: true, ..within(Program::new(code), Duration::from_secs(2)) };
        let cases = vec![call("sign", &["-5"]), call("sign", &["5"]), call("sign", &["'a'"]), input("")];
        let outcomes = sandbox.grade(program.clone(), cases).await.unwrap();
        let lines: Vec<_> = outcomes.iter().map(|outcome| outcome.lines.clone().unwrap()).collect();
        assert_eq!(lines, [vec![1, 2, 3], vec![1, 2, 4, 5], vec![1, 2], vec![1]]);
        let outcome = sandbox.run(Program { code: format!("{code}print(sign(0))\n"), ..program }).await.unwrap();
        assert_eq!((outcome.lines, outcome.stdout.as_str()), (Some(vec![1, 2, 4, 6, 7]), "0\n"));
        let many = grade(&sandbox, code, &vec![call("sign", &["7"]); 50]).await;
        assert!(many.iter().all(|outcome| outcome.value.as_deref() == Some(r#"{"t":"int","v":"1"}"#)), "{many:?}");
    }
}
