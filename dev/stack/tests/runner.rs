//! The binary: it guards its home, stops on request, and leaves nothing behind, however it ends.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use learnflow_stack::{OnCrash, Parts, Stack, StackOptions};

/// An offset that `PortOffset::Free` never chooses, so that this test meets no other stack.
const OFFSET: &str = "3550";

#[test]
fn a_runner_ends_with_everything_it_started() {
    let home = tempfile::tempdir().unwrap();
    let mut first = up(home.path());

    let second = runner(home.path(), "up").output().unwrap();
    let complaint = String::from_utf8(second.stderr).unwrap();
    assert!(!second.status.success() && complaint.contains("a stack already runs"), "{complaint}");

    assert!(processes_in(home.path()).len() >= 3, "{:?}", processes_in(home.path()));
    assert!(runner(home.path(), "stop").status().unwrap().success());
    assert!(first.wait().unwrap().success());
    assert_eq!(processes_in(home.path()), Vec::<String>::new());

    // The second start finds its data; killed without warning it still leaves nothing.
    let mut third = up(home.path());
    third.kill().unwrap();
    third.wait().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while !processes_in(home.path()).is_empty() {
        assert!(Instant::now() < end, "left behind: {:?}", processes_in(home.path()));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_may_not_crash_fails_with_the_name_and_keeps_its_logs() {
    let options =
        StackOptions { parts: Parts::Infrastructure, on_crash: OnCrash::Fail, ..StackOptions::for_tests().unwrap() };
    let stack = Stack::start(options).await.unwrap();
    stack.kill9("redis").await.unwrap();
    let reason = stack.failed().await;
    assert!(reason.starts_with("redis ended by itself"), "{reason}");
    assert!(stack.wait_ready("redis").await.is_err());
    let home = stack.stop_keeping_home().await;
    assert!(home.join("log/redis.log").is_file());
    assert_eq!(processes_in(&home), Vec::<String>::new());
    std::fs::remove_dir_all(home).unwrap();
}

fn runner(home: &Path, command: &str) -> Command {
    let mut runner = Command::new(env!("CARGO_BIN_EXE_learnflow-stack"));
    runner.arg(command).env("LEARNFLOW_HOME", home).env("LEARNFLOW_PORT_OFFSET", OFFSET);
    if command == "up" {
        runner.args(["--parts", "infrastructure"]);
    }
    runner
}

/// Starts a runner and waits for its one line.
fn up(home: &Path) -> Child {
    let mut child = runner(home, "up").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "ready http://localhost:11730");
    child
}

/// The command lines of processes that work in the home.
fn processes_in(home: &Path) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let working = processes
        .filter(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|folder| folder.starts_with(home)));
    working.map(|process| std::fs::read_to_string(process.path().join("cmdline")).unwrap_or_default()).collect()
}
