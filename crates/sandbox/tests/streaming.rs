//! Runs that are watched, and fed while they go on.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may fail")]

mod support;

use std::time::{Duration, Instant};

use learnflow_sandbox::{Event, Limit, Outcome, Program, Run, Sandbox, SandboxConfig, SandboxError, Status, Stdin};
use support::{config, sandboxes, within};

fn open(code: &str) -> Program {
    Program { stdin: Stdin::Open, ..Program::new(code) }
}

/// Collects output until the program waits or is over.
async fn until_quiet(run: &mut Run) -> (String, Option<Outcome>) {
    let mut text = String::new();
    let waiting = async {
        loop {
            match run.next().await.expect("an event") {
                Event::Stdout(piece) | Event::Stderr(piece) => text.push_str(&piece),
                Event::WaitingForInput => return None,
                Event::Finished(outcome) => return Some(outcome),
                Event::Failed(error) => panic!("{error}"),
            }
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("something happens");
    (text, outcome)
}

/// FR-030: output comes while the program runs, whole characters at a time, and all of it again at the end.
#[tokio::test(flavor = "multi_thread")]
async fn output_comes_while_the_program_runs() {
    for sandbox in sandboxes() {
        let code = "import os, time\nprint('one')\ntime.sleep(0.3)\nos.write(1, b'\\xe2\\x82')\ntime.sleep(0.2)\n\
            os.write(1, b'\\xac')\nprint('two', end='')\n";
        let mut run = sandbox.start(Program::new(code)).await.unwrap();
        let begun = Instant::now();
        let mut pieces = Vec::new();
        let outcome = loop {
            match run.next().await.unwrap() {
                Event::Stdout(piece) => pieces.push((piece, begun.elapsed())),
                Event::Finished(outcome) => break outcome,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!((pieces[0].0.as_str(), outcome.stdout.as_str()), ("one\n", "one\n€two"));
        assert!(pieces[0].1 + Duration::from_millis(250) < pieces[1].1, "{pieces:?}");
        assert_eq!(pieces.iter().map(|(piece, _)| piece.as_str()).collect::<String>(), outcome.stdout);
        assert!(run.next().await.is_none());
    }
}

/// FR-030: a dialogue: the prompt comes first, then the program waits, and waiting costs it no time.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_waits_for_lines() {
    let code = "import sys\nname = input('name? ')\nage = int(sys.stdin.readline())\nprint('hello', name, age)\n\
        for line in sys.stdin:\n    print('got', line.strip())\nprint('end')\n";
    for sandbox in sandboxes() {
        let mut run = sandbox.start(within(open(code), Duration::from_millis(700))).await.unwrap();
        assert_eq!(until_quiet(&mut run).await.0, "name? ");
        tokio::time::sleep(Duration::from_millis(900)).await;
        run.send("Ada\n");
        assert_eq!(until_quiet(&mut run).await.0, "");
        run.send("36\nextra\n");
        assert_eq!(until_quiet(&mut run).await.0, "hello Ada 36\ngot extra\n");
        run.send("möre\n");
        assert_eq!(until_quiet(&mut run).await.0, "got möre\n");
        run.close_stdin();
        let (text, outcome) = until_quiet(&mut run).await;
        let outcome = outcome.expect("the end");
        assert_eq!((text.as_str(), outcome.status, outcome.exit_code), ("end\n", Status::Completed, Some(0)));
        assert!(outcome.duration < Duration::from_millis(700), "{outcome:?}");
    }
}

/// FR-029: the clock runs when the program does, also between two inputs, and lines given early are there.
#[tokio::test(flavor = "multi_thread")]
async fn the_clock_runs_between_inputs() {
    for sandbox in sandboxes() {
        let code = "input('a')\ninput('b')\nwhile True: pass";
        let mut run = sandbox.start(within(open(code), Duration::from_millis(500))).await.unwrap();
        run.send("1\n2\n");
        let (text, outcome) = loop {
            let (text, outcome) = until_quiet(&mut run).await;
            if outcome.is_some() {
                break (text, outcome);
            }
        };
        let outcome = outcome.unwrap();
        assert_eq!((outcome.status, outcome.limit), (Status::Timeout, Some(Limit::WallTime)), "{text} {outcome:?}");
        assert_eq!(outcome.stdout, "ab");
    }
}

/// FR-029: a program that only says that it waits gets no more time on the processor than any other.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_wait_is_bounded_by_the_processor() {
    let code = "import os\nfor fd in range(3, 10):\n    try: os.write(fd, b'W')\n    except OSError: pass\n\
        try:\n    os.fork(); print('ESCAPED')\nexcept OSError: pass\nwhile True: pass";
    for sandbox in sandboxes() {
        let begun = Instant::now();
        let mut run = sandbox.start(within(open(code), Duration::from_millis(800))).await.unwrap();
        let outcome = loop {
            if let (_, Some(outcome)) = until_quiet(&mut run).await {
                break outcome;
            }
        };
        assert_eq!((outcome.status, outcome.limit), (Status::Timeout, Some(Limit::CpuTime)), "{outcome:?}");
        assert_eq!(outcome.stdout, "");
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    }
}

/// FR-032: a run that nobody watches any more ends, and the pool's numbers add up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_run_ends() {
    for sandbox in sandboxes() {
        for stdin in [Stdin::Open, Stdin::default()] {
            let mut run = sandbox.start(Program { stdin, ..Program::new("print(1)\nwhile True: pass") }).await.unwrap();
            assert!(matches!(run.next().await, Some(Event::Stdout(_))));
            drop(run);
        }
        let begun = Instant::now();
        while sandbox.pool().running > 0 {
            assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", sandbox.pool());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// FR-032: a sandbox that drains finishes what runs, ends what waits, and takes nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn draining_finishes_what_runs() {
    let sandbox = Sandbox::new(config()).unwrap();
    let mut run = sandbox.start(Program::new("import time; print(1); time.sleep(0.4); print(2)")).await.unwrap();
    assert!(matches!(run.next().await, Some(Event::Stdout(_))));
    sandbox.drain().await;
    let (text, outcome) = until_quiet(&mut run).await;
    assert_eq!((text.as_str(), outcome.unwrap().status), ("2\n", Status::Completed));
    let refused = sandbox.run(Program::new("")).await;
    assert!(matches!(refused, Err(SandboxError::Draining)), "{refused:?}");
    assert_eq!((sandbox.pool().ready, sandbox.pool().running), (0, 0));
}

/// FR-032: jails are made ahead, used once, and made again; without any, every program gets one of its own.
#[tokio::test(flavor = "multi_thread")]
async fn jails_are_made_ahead() {
    let sandbox = Sandbox::new(SandboxConfig { warm: 3, rich: 2, ..config() }).unwrap();
    let settled = async || {
        let begun = Instant::now();
        while sandbox.pool().ready < 3 || sandbox.pool().rich < 2 {
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", sandbox.pool());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for _ in 0..3 {
        settled().await;
        for _ in 0..3 {
            sandbox.run(Program::new("import random")).await.unwrap();
        }
    }
    let status = sandbox.pool();
    assert_eq!((status.warm_runs + status.cold_runs, status.running), (9, 0), "{status:?}");
    assert!(status.warm_runs >= 6 && status.started >= 9, "{status:?}");
    let cold = Sandbox::new(SandboxConfig { warm: 0, rich: 0, ..config() }).unwrap();
    for _ in 0..3 {
        assert_eq!(cold.run(Program::new("print(1)")).await.unwrap().stdout, "1\n");
    }
}
