//! What an honest program sees, in every mode the machine has.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use learnflow_sandbox::{Program, Sandbox, SandboxConfig, SandboxError, SourceFile, Status};
use support::{config, output_of, sandboxes, within};

fn file(name: &str, content: &str) -> SourceFile {
    SourceFile { name: name.into(), content: content.into() }
}

/// FR-030: input, arguments and files reach the program; both streams come back.
#[tokio::test]
async fn a_program_gets_its_input_and_returns_its_output() {
    for sandbox in sandboxes() {
        let mut program = Program::new(
            "import sys, helper\nprint(sys.argv, input('name? '), sys.stdin.read())\n\
             print(helper.double(21), open('data/ages.csv').read())\nprint('über', file=sys.stderr)\n",
        );
        program.stdin = "Ada\nrest".into();
        program.args = vec!["-v".into(), "zwölf".into()];
        program.files = vec![file("helper.py", "def double(n):\n    return 2 * n\n"), file("data/ages.csv", "a,36")];
        let outcome = sandbox.run(program).await.unwrap();
        assert_eq!(outcome.stdout, "name? ['main.py', '-v', 'zwölf'] Ada rest\n42 a,36\n");
        assert_eq!(outcome.stderr, "über\n");
        assert_eq!((outcome.status, outcome.exit_code, outcome.signal), (Status::Completed, Some(0), None));
        assert!(outcome.peak_memory_kb > 1000 && outcome.peak_memory_kb <= 50 * 1024, "{outcome:?}");
        assert!(outcome.cpu > Duration::ZERO && outcome.duration < Duration::from_secs(5), "{outcome:?}");
    }
}

/// FR-030: as much input as is allowed arrives, and a program need not read it.
#[tokio::test]
async fn large_input_neither_blocks_nor_gets_lost() {
    for sandbox in sandboxes() {
        let mut program = Program::new("import sys; print(len(sys.stdin.buffer.read()))");
        program.stdin = vec![b'x'; 256 * 1024].into();
        assert_eq!(output_of(&sandbox, program.clone()).await, "262144\n");
        program.code = "print('not interested')".into();
        assert_eq!(output_of(&sandbox, program).await, "not interested\n");
    }
}

/// FR-031: a traceback is what the interpreter would print, and knows nothing of the sandbox.
#[tokio::test]
async fn a_traceback_shows_the_program_only() {
    for sandbox in sandboxes() {
        let code = "def half(n):\n    return n / 0\n\ntry:\n    half(1)\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e\n";
        let outcome = sandbox.run(Program::new(code)).await.unwrap();
        assert_eq!((outcome.status, outcome.exit_code), (Status::RuntimeError, Some(1)));
        let expected = "Traceback (most recent call last):\n  File \"main.py\", line 5, in <module>\n    half(1)\n  \
            File \"main.py\", line 2, in half\n    return n / 0\n           ~~^~~\nZeroDivisionError: division by zero\n\n\
            The above exception was the direct cause of the following exception:\n\n\
            Traceback (most recent call last):\n  File \"main.py\", line 7, in <module>\n    raise ValueError('bad') from e\n\
            ValueError: bad\n";
        assert_eq!(outcome.stderr, expected);

        let outcome = sandbox.run(Program::new("print('never')\nif True print(1)\n")).await.unwrap();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::RuntimeError, ""));
        let start = "  File \"main.py\", line 2\n    if True print(1)\n";
        assert!(outcome.stderr.starts_with(start) && outcome.stderr.contains("SyntaxError"), "{}", outcome.stderr);
    }
}

/// FR-030: leaving early, late handlers and unfinished lines behave as without a sandbox.
#[tokio::test]
async fn the_end_of_a_program_is_the_interpreters() {
    let cases = [
        ("exit()", Some(0), "", ""),
        ("quit(3)", Some(3), "", ""),
        ("raise SystemExit('no more')", Some(1), "", "no more\n"),
        ("import sys; sys.exit(-1)", Some(255), "", ""),
        ("import atexit; atexit.register(print, 'late'); print('early', end=' ')", Some(0), "early late\n", ""),
        (
            "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('thread'))).start()",
            Some(0),
            "thread\n",
            "",
        ),
        ("import os; os._exit(9)", Some(9), "", ""),
        ("if __name__ == '__main__': print(__file__)", Some(0), "main.py\n", ""),
        ("from __main__ import answer", Some(1), "", "ImportError"),
    ];
    for sandbox in sandboxes() {
        for (code, exit_code, stdout, stderr) in cases {
            let outcome = sandbox.run(Program::new(code)).await.unwrap();
            assert_eq!(outcome.exit_code, exit_code, "{code}: {outcome:?}");
            assert_eq!(outcome.stdout, stdout, "{code}");
            assert!(outcome.stderr.contains(stderr), "{code}: {}", outcome.stderr);
            assert_eq!(outcome.stderr.is_empty(), stderr.is_empty(), "{code}: {}", outcome.stderr);
        }
    }
}

/// FR-029: the clock is kept, and what was printed before it ran out is not lost.
#[tokio::test]
async fn a_loop_without_end_stops_at_its_limit() {
    for sandbox in sandboxes() {
        let program = within(Program::new("print('started')\nwhile True: pass"), Duration::from_millis(700));
        let begun = Instant::now();
        let outcome = sandbox.run(program).await.unwrap();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Timeout, "started\n"));
        assert!(outcome.duration >= Duration::from_millis(700), "{outcome:?}");
        assert!(outcome.cpu > Duration::from_millis(100) && outcome.peak_memory_kb > 1000, "{outcome:?}");
        assert!(begun.elapsed() < Duration::from_millis(2700), "{:?}", begun.elapsed());
    }
}

/// FR-029: memory that is allowed can be used, more gives a readable error.
#[tokio::test]
async fn memory_is_there_up_to_the_limit() {
    for sandbox in sandboxes() {
        let mut program = Program::new("held = bytearray(b'x') * (30 << 20)\nprint(len(held))");
        assert_eq!(output_of(&sandbox, program.clone()).await, "31457280\n");
        program.memory_limit_mb = 24;
        let outcome = sandbox.run(program).await.unwrap();
        assert_eq!(outcome.status, Status::MemoryExceeded);
        assert!(outcome.stderr.ends_with("MemoryError\n"), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("line 1, in <module>"), "{}", outcome.stderr);
        let hoard = Program::new("hoard = []\nwhile True:\n    hoard.append(str(len(hoard)) * 50)");
        let outcome = sandbox.run(hoard).await.unwrap();
        assert_eq!(outcome.status, Status::MemoryExceeded);
        assert!(outcome.stderr.contains("line 3, in <module>"), "{}", outcome.stderr);
    }
}

/// FR-031: 64 KiB of a stream are kept; a program that writes more is stopped, and that is said.
#[tokio::test]
async fn output_is_kept_up_to_the_cap() {
    for sandbox in sandboxes() {
        assert_eq!(output_of(&sandbox, Program::new("print('x' * 65535)")).await.len(), 65536);
        let outcome = sandbox.run(Program::new("print('ü' * 100000)")).await.unwrap();
        assert_eq!(outcome.status, Status::OutputExceeded);
        assert!(outcome.stdout_truncated && !outcome.stderr_truncated);
        assert_eq!(outcome.stdout, "ü".repeat(32768));
    }
}

/// FR-032: the standard library a course uses works.
#[tokio::test]
async fn the_standard_library_works() {
    let code = "\
import asyncio, collections, csv, dataclasses, datetime, decimal, functools, hashlib, io, itertools, json, logging
import math, pathlib, queue, random, re, secrets, shutil, sqlite3, statistics, string, tempfile, textwrap, threading
import timeit, typing, unittest, urllib.request, uuid, zoneinfo, concurrent.futures
with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / 'a.csv'
    with path.open('w', newline='') as out:
        csv.writer(out).writerow(['ä', 2])
    print(path.read_text(encoding='utf-8').strip())
base = sqlite3.connect('/tmp/data.db')
base.execute('create table t (a)'); base.execute('insert into t values (42)'); base.commit()
print(base.execute('select a from t').fetchone())
async def main():
    return await asyncio.gather(*(asyncio.sleep(0.001, n) for n in range(3)))
print(asyncio.run(main()))
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(lambda n: n * n, range(10))))
class Test(unittest.TestCase):
    def test(self): self.assertEqual(1 + 1, 2)
print(unittest.TextTestRunner(io.StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(Test)).wasSuccessful())
print(hashlib.sha256(b'x').hexdigest()[:8], uuid.uuid4().version, json.loads('[1.5]'), re.sub('a+', 'b', 'caat'))
";
    for sandbox in sandboxes() {
        let expected = "ä,2\n(42,)\n[0, 1, 2]\n285\nTrue\n2d711642 4 [1.5] cbt\n";
        assert_eq!(output_of(&sandbox, Program::new(code)).await, expected);
    }
}

/// FR-032: a program that has run for long steps back behind others, also where there are no cgroups for that.
#[tokio::test]
async fn long_programs_step_back() {
    let sandbox = Sandbox::new(SandboxConfig { cgroups: false, ..config() }).unwrap();
    let code = "import os, time\nprint(os.getpriority(os.PRIO_PROCESS, 0))\ntime.sleep(0.3)\n\
        print(os.getpriority(os.PRIO_PROCESS, 0))\n\
        for nice in (0, -1, 11):\n    try: os.setpriority(os.PRIO_USER, 0, nice)\n    except OSError: print('refused')";
    assert_eq!(output_of(&sandbox, Program::new(code)).await, "0\n10\nrefused\nrefused\nrefused\n");
}

/// FR-032: two runs share no file, no random state, no hash seed, no process numbers, no addresses.
#[tokio::test]
async fn two_runs_share_nothing() {
    // What is the same for all goes to standard output, what must differ to standard error.
    let code = "
import os, random, socket, sys, tempfile, uuid
print(os.listdir('/tmp'), os.getpid(), os.path.exists('/dev/shm'))
for attempt in (lambda: open('left', 'x'), lambda: socket.socketpair()[0].getsockopt(socket.SOL_SOCKET, 57)):
    try:
        attempt()
        print('done')
    except OSError as error:
        print('refused', error.errno)
print(random.random(), file=sys.stderr)
print('hash', hash('seed'), file=sys.stderr)
print('place', id(object()), file=sys.stderr)
print(os.urandom(8), file=sys.stderr)
print(uuid.uuid1().node, uuid.uuid4(), file=sys.stderr)
print(tempfile.mktemp(), file=sys.stderr)
";
    let without_cgroups = SandboxConfig { cgroups: false, ..config() };
    for (config, rich) in [(config(), 0), (config(), 1), (without_cgroups, 0)] {
        // One after the other in the same slot.
        let sandbox = Sandbox::new(SandboxConfig { warm: 1, rich, concurrency: 1, ..config }).unwrap();
        let mut seen = HashSet::new();
        for _ in 0..3 {
            let begun = Instant::now();
            while sandbox.pool().rich < rich && begun.elapsed() < Duration::from_secs(10) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let outcome = sandbox.run(Program::new(code)).await.unwrap();
            assert_eq!(outcome.stdout, "['main.py'] 2 False\ndone\nrefused 1\n", "{outcome:?}");
            assert_eq!(outcome.stderr.lines().count(), 6, "{outcome:?}");
            assert!(outcome.stderr.lines().all(|line| seen.insert(line.to_owned())), "{}", outcome.stderr);
        }
    }
}

/// FR-032: as many programs run as are configured, as many wait, and the next one is refused.
#[tokio::test]
async fn more_programs_than_places_are_refused() {
    let sandbox = Sandbox::new(SandboxConfig { concurrency: 2, queue: 1, ..config() }).unwrap();
    let nap = || sandbox.run(within(Program::new("import time; time.sleep(0.4)"), Duration::from_secs(3)));
    let begun = Instant::now();
    let (first, second, third, fourth) = tokio::join!(nap(), nap(), nap(), nap());
    let (refused, done): (Vec<_>, Vec<_>) = [first, second, third, fourth].into_iter().partition(Result::is_err);
    assert!(matches!(refused[..], [Err(SandboxError::Busy { running: 2, waiting: 1 })]), "{refused:?}");
    assert!(done.iter().flatten().all(|outcome| outcome.status == Status::Completed), "{done:?}");
    assert!(begun.elapsed() >= Duration::from_millis(800), "one waited: {:?}", begun.elapsed());
    assert_eq!(nap().await.unwrap().status, Status::Completed);
}

/// FR-029: what breaks a rule is refused before anything runs; what is missing is named.
#[tokio::test]
async fn mistakes_of_the_caller_are_typed_errors() {
    let sandbox = Sandbox::new(config()).unwrap();
    let refused = sandbox.run(within(Program::new(""), Duration::from_secs(6))).await;
    assert!(matches!(refused, Err(SandboxError::Invalid(fault)) if fault.field == "time_limit"));
    let missing = Sandbox::new(SandboxConfig { nsjail: "/nonexistent/nsjail".into(), ..config() });
    assert!(matches!(missing, Err(SandboxError::NoNsjail(_))), "{missing:?}");
    let missing = Sandbox::new(SandboxConfig { python: "/nonexistent/python".into(), ..config() });
    assert!(matches!(missing, Err(SandboxError::Python { .. })), "{missing:?}");
    let broken = Sandbox::new(SandboxConfig { nsjail: "/bin/false".into(), ..config() });
    assert!(matches!(broken, Err(SandboxError::Start(_))), "{broken:?}");
}
