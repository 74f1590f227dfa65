//! Nothing of a run stays behind, whatever ends it. One test at a time: they count descriptors.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use learnflow_sandbox::{Mode, Program, Sandbox, SandboxConfig, Status};
use support::{config, within};
use tokio::sync::Mutex;

static ALONE: Mutex<()> = Mutex::const_new(());
const PLACE: &str = "LEARNFLOW_VICTIM_PLACE";

/// A sandbox whose processes can be told from all others by the folder of its files.
fn sandbox_in(place: &Path, cgroups: bool) -> Sandbox {
    Sandbox::new(SandboxConfig { runtime_dir: place.to_owned(), cgroups, warm: 0, rich: 0, ..config() }).unwrap()
}

fn place() -> tempfile::TempDir {
    let place = tempfile::Builder::new().prefix("leftovers-").tempdir().unwrap();
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    place
}

/// Processes that were started with, or have mounted, a file below the place.
fn processes_of(place: &Path) -> Vec<PathBuf> {
    let name = place.file_name().unwrap().to_str().unwrap();
    let mentions = |path: PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).contains(name);
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes
        .filter(|path| {
            path.file_name().unwrap().to_str().unwrap().parse::<u32>().is_ok_and(|pid| pid != std::process::id())
        })
        .filter(|path| mentions(path.join("cmdline")) || mentions(path.join("mountinfo")))
        .collect()
}

/// Groups that a service made for its runs.
fn groups_of(service: u32) -> Vec<PathBuf> {
    fn search(folder: &Path, prefix: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if entry.file_name().to_string_lossy().starts_with(prefix) {
                    found.push(entry.path());
                }
                search(&entry.path(), prefix, found);
            }
        }
    }
    let mut found = Vec::new();
    search(Path::new("/sys/fs/cgroup"), &format!("{service}-"), &mut found);
    found
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// FR-032: after fifty runs of every kind, some of them given up by the caller, all is as before.
#[tokio::test(flavor = "multi_thread")]
async fn fifty_runs_leave_nothing() {
    let _alone = ALONE.lock().await;
    let codes = [
        ("print('hello')", Some(Status::Completed)),
        ("1 / 0", Some(Status::RuntimeError)),
        ("while True: pass", Some(Status::Timeout)),
        ("while True: print('x' * 1000)", Some(Status::OutputExceeded)),
        (
            "import os, time\nwhile True:\n    try: os.fork()\n    except OSError: time.sleep(0.01)",
            Some(Status::Timeout),
        ),
        ("import os; os.kill(os.getpid(), 9)", Some(Status::Signaled)),
        ("import time; time.sleep(60)", None),
    ];
    for cgroups in [true, false] {
        let place = place();
        let sandbox = sandbox_in(place.path(), cgroups);
        let before = descriptors();
        for (code, status) in codes.iter().cycle().take(50) {
            let program = within(Program::new(*code), Duration::from_millis(250));
            if let Some(status) = status {
                assert_eq!(sandbox.run(program).await.unwrap().status, *status, "{code}");
            } else {
                let given_up = tokio::time::timeout(Duration::from_millis(60), sandbox.run(program)).await;
                assert!(given_up.is_err(), "it sleeps longer than that");
            }
        }
        until("processes end", || processes_of(place.path()).is_empty()).await;
        until("groups are removed", || groups_of(std::process::id()).is_empty()).await;
        until("descriptors are closed", || descriptors() <= before).await;
        drop(sandbox);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "files are removed");
    }
}

/// What this process and the jails hold: resident memory in KiB, descriptors, processes, groups.
fn held(place: &Path) -> (u64, usize, usize, usize) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    (resident, descriptors(), processes_of(place).len(), groups_of(std::process::id()).len())
}

/// After a tenth of the runs everything is in use that will be; at the end it is no more.
async fn many_runs_leave_all_as_it_was(runs: usize) {
    // So few that the pool does not grow.
    const WARM: usize = 3;
    let place = place();
    let config = SandboxConfig { runtime_dir: place.path().to_owned(), warm: WARM, rich: 0, ..config() };
    let sandbox = Sandbox::new(config).unwrap();
    let groups_per_jail = match sandbox.mode() {
        // Memory, processes, processors.
        Mode::CgroupV1 => 3,
        Mode::CgroupV2 => 1,
        Mode::NoCgroup => 0,
    };
    let codes = [
        "print('x' * 10000)",
        "import json, random; print(json.dumps(random.random()))",
        "open('/tmp/a', 'w').write('x' * 1000000)",
        "1 / 0",
        "import threading; threading.Thread(target=print).start()",
        "raise SystemExit(3)",
    ];
    let settled = async || {
        // Supervisor, first process and interpreter of every jail that waits.
        until("the pool is as it was", || sandbox.pool().ready == WARM && processes_of(place.path()).len() == 3 * WARM)
            .await;
        until("groups are removed", || groups_of(std::process::id()).len() == groups_per_jail * WARM).await;
        held(place.path())
    };
    let mut early = None;
    for number in 0..runs {
        if number == runs / 10 {
            early = Some(settled().await);
        }
        sandbox.run(Program::new(codes[number % codes.len()])).await.unwrap();
    }
    let (early, late) = (early.unwrap(), settled().await);
    let status = sandbox.pool();
    println!("after {} runs {early:?}, after {runs} {late:?}; {status:?}", runs / 10);
    assert!(late.0 < early.0 + 2048, "memory grew: {early:?} {late:?}");
    assert_eq!((late.1, late.2, late.3), (early.1, early.2, early.3));
    assert_eq!(status.warm_runs + status.cold_runs, runs as u64);
    drop(sandbox);
    assert_eq!(processes_of(place.path()), Vec::<PathBuf>::new());
    assert_eq!(groups_of(std::process::id()), Vec::<PathBuf>::new());
}

/// FR-032: hundreds of runs one after the other leave memory, descriptors and processes as they were.
#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_runs_leave_all_as_it_was() {
    let _alone = ALONE.lock().await;
    many_runs_leave_all_as_it_was(500).await;
}

/// FR-032: the same of ten thousand. Takes minutes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn ten_thousand_runs_leave_all_as_it_was() {
    let _alone = ALONE.lock().await;
    many_runs_leave_all_as_it_was(10_000).await;
}

/// FR-032: a run given up at any moment of its life ends, also while its jail is starting.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_given_up_at_any_moment_ends() {
    let _alone = ALONE.lock().await;
    let place = place();
    let sandbox = sandbox_in(place.path(), true);
    for step in 0..30 {
        let run = sandbox.run(Program::new("import os, time; os.close(1); time.sleep(60)"));
        let _ = tokio::time::timeout(Duration::from_millis(step * 2), run).await;
    }
    drop(sandbox);
    assert_eq!(processes_of(place.path()), Vec::<PathBuf>::new());
    assert_eq!(groups_of(std::process::id()), Vec::<PathBuf>::new());
}

/// FR-032: a jail's processes have no privilege, as the host sees it.
#[tokio::test(flavor = "multi_thread")]
async fn the_interpreter_has_no_privilege() {
    let _alone = ALONE.lock().await;
    for cgroups in [true, false] {
        let place = place();
        let sandbox = sandbox_in(place.path(), cgroups);
        let run = sandbox.run(within(Program::new("import time; time.sleep(1)"), Duration::from_millis(900)));
        let look = async {
            let interpreter = || {
                let inside = processes_of(place.path());
                let status = |path: &PathBuf| fs::read_to_string(path.join("status")).unwrap_or_default();
                inside.iter().map(status).find(|status| status.starts_with("Name:\tpython") && status.contains("\t2\n"))
            };
            until("the interpreter runs", || interpreter().is_some()).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
            interpreter().unwrap()
        };
        let (outcome, status) = tokio::join!(run, look);
        assert_eq!(outcome.unwrap().status, Status::Timeout);
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(':').trim().to_owned()
        };
        for capabilities in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(field(capabilities), "0000000000000000", "{capabilities}");
        }
        assert_eq!(field("NoNewPrivs"), "1");
        assert_eq!(field("Seccomp"), "2", "a filter is on");
        let filters = if sandbox.mode() == Mode::NoCgroup { "2" } else { "1" };
        assert_eq!(field("Seccomp_filters"), filters);
        assert!(!field("Uid").split('\t').any(|uid| uid == "0"), "{}", field("Uid"));
        assert_eq!(field("NSpid").split('\t').next_back(), Some("2"), "{}", field("NSpid"));
    }
}

/// Faults: a waiting jail that has died gets no program; the run does not notice, and another jail is made.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_waiting_jail_is_replaced() {
    let _alone = ALONE.lock().await;
    for cgroups in [true, false] {
        let place = place();
        let config = SandboxConfig { runtime_dir: place.path().to_owned(), cgroups, warm: 3, rich: 0, ..config() };
        let sandbox = Sandbox::new(config).unwrap();
        for victim in ["2", "1"] {
            until("all jails wait", || sandbox.pool().ready == 3).await;
            let before = sandbox.pool().discarded;
            for process in processes_of(place.path()) {
                let status = fs::read_to_string(process.join("status")).unwrap_or_default();
                let inside = status.lines().find_map(|line| line.strip_prefix("NSpid:\t"));
                if inside.is_some_and(|pids| pids.contains('\t') && pids.ends_with(victim)) {
                    let pid = process.file_name().unwrap().to_owned();
                    assert!(Command::new("kill").arg("-9").arg(pid).status().unwrap().success());
                }
            }
            let outcome = sandbox.run(Program::new("print('alive')")).await.unwrap();
            assert_eq!((outcome.status, outcome.stdout.as_str()), (Status::Completed, "alive\n"));
            until("the dead are noticed", || sandbox.pool().discarded >= before + 3).await;
        }
    }
}

/// Not a test of its own: the service that the next test kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by a_killed_service_leaves_no_process"]
async fn victim() {
    let Some(place) = std::env::var_os(PLACE) else { return };
    let sandbox = sandbox_in(Path::new(&place), true);
    loop {
        let _ = sandbox.run(Program::new("while True: pass")).await;
    }
}

/// Faults: a service that is killed takes its jails with it, and the next one clears its groups.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_leaves_no_process() {
    let _alone = ALONE.lock().await;
    let place = place();
    let mut service = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "victim", "--ignored"])
        .env(PLACE, place.path())
        .spawn()
        .unwrap();
    let interpreters = || processes_of(place.path()).len();
    // The service itself does not count: supervisor, first process and interpreter do.
    until("a program runs", || interpreters() >= 3).await;
    service.kill().unwrap();
    service.wait().unwrap();
    until("its jails end", || interpreters() == 0).await;
    drop(sandbox_in(place.path(), true));
    assert_eq!(groups_of(service.id()), Vec::<PathBuf>::new());
}

/// FR-032: the first process ends every process it can reach, so it refuses to be another one's.
#[test]
fn the_first_process_refuses_to_run_elsewhere() {
    let init = env!("LEARNFLOW_SANDBOX_INIT");
    let status = Command::new(init).args(["1", "fork", "/bin/true"]).status().unwrap();
    assert_eq!(status.code(), Some(125));
    let status = Command::new(init).status().unwrap();
    assert_eq!(status.code(), Some(125), "before it looks at anything else");
}
