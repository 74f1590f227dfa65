//! Keeps children running: starts, watches, restarts and stops them, and tells their state.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::Child as Process;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::Error;
use crate::progress::say;
use crate::ready::Ready;
use crate::spawner::{AsUser, Spawner, command};

const TAIL_LINES: usize = 20;
const CRASH_WINDOW: Duration = Duration::from_mins(1);
const CRASHES_ALLOWED: usize = 5;

/// What happens when a child ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum OnCrash {
    /// It is started again, at most five times in a minute.
    #[default]
    Restart,
    /// The run fails.
    Fail,
}

/// How to run a child.
#[derive(Debug, Clone)]
pub(crate) struct ChildSpec {
    pub(crate) name: String,
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) folder: PathBuf,
    pub(crate) as_user: AsUser,
    /// Asks it to end.
    pub(crate) stop_signal: Signal,
    /// How long it may take to end before it is killed.
    pub(crate) stop_limit: Duration,
    /// What it gets when the stack itself is gone.
    pub(crate) last_word: Signal,
    pub(crate) ready: Ready,
}

/// Where a child is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Stopped,
    Starting(i32),
    Ready(i32),
    /// Not running, but about to.
    Pending,
    /// Given up.
    Failed(String),
}

impl State {
    fn pid(&self) -> Option<i32> {
        match self {
            Self::Starting(pid) | Self::Ready(pid) => Some(*pid),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Child {
    spec: ChildSpec,
    wanted: watch::Sender<bool>,
    state: watch::Sender<State>,
}

/// All children of a stack.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    children: Mutex<BTreeMap<String, Arc<Child>>>,
    tasks: Mutex<JoinSet<()>>,
}

#[derive(Debug)]
struct Shared {
    spawner: Spawner,
    logs: PathBuf,
    on_crash: OnCrash,
    failure: watch::Sender<Option<String>>,
}

impl Supervisor {
    pub(crate) fn new(logs: &Path, on_crash: OnCrash) -> Result<Self, Error> {
        let spawner = Spawner::start().map_err(Error::io("cannot start the spawner thread"))?;
        let shared = Shared { spawner, logs: logs.to_owned(), on_crash, failure: watch::Sender::new(None) };
        Ok(Self { shared: Arc::new(shared), children: Mutex::default(), tasks: Mutex::default() })
    }

    /// Adds a child and starts it.
    pub(crate) fn start(&self, spec: ChildSpec) {
        let log = self.shared.log(&spec.name);
        let _ = std::fs::rename(&log, log.with_extension("log.1"));
        let child =
            Arc::new(Child { wanted: watch::Sender::new(true), state: watch::Sender::new(State::Pending), spec });
        lock(&self.children).insert(child.spec.name.clone(), Arc::clone(&child));
        lock(&self.tasks).spawn(supervise(Arc::clone(&self.shared), child));
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.shared.log(name)
    }

    pub(crate) fn pid(&self, name: &str) -> Option<i32> {
        self.child(name).ok()?.state.borrow().pid()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.children).keys().cloned().collect()
    }

    /// Resolves when a child was given up, with the reason.
    pub(crate) async fn failed(&self) -> String {
        let mut failure = self.shared.failure.subscribe();
        match failure.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until a child is ready.
    pub(crate) async fn wait_ready(&self, name: &str, limit: Duration) -> Result<(), Error> {
        let child = self.child(name)?;
        let mut state = child.state.subscribe();
        let settled = state.wait_for(|state| matches!(state, State::Ready(_) | State::Failed(_)));
        let reason = match timeout(limit, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Failed(reason) => reason.clone(),
                _ => return Ok(()),
            },
            _ => format!("was not ready after {} s", limit.as_secs()),
        };
        let log = self.log(name);
        Err(Error::Child { name: name.to_owned(), reason, tail: tail(&log), log })
    }

    /// Ends a child and keeps it ended.
    pub(crate) async fn stop(&self, name: &str) -> Result<(), Error> {
        let child = self.child(name)?;
        child.wanted.send_replace(false);
        let mut state = child.state.subscribe();
        let _ = state.wait_for(|state| matches!(state, State::Stopped | State::Failed(_))).await;
        Ok(())
    }

    /// Starts a stopped child again.
    pub(crate) fn resume(&self, name: &str) -> Result<(), Error> {
        let child = self.child(name)?;
        child.state.send_if_modified(|state| {
            let stopped = *state == State::Stopped;
            if stopped {
                *state = State::Pending;
            }
            stopped
        });
        child.wanted.send_replace(true);
        Ok(())
    }

    /// Kills a child without warning and waits until it is gone.
    pub(crate) async fn kill9(&self, name: &str) -> Result<(), Error> {
        let child = self.child(name)?;
        let Some(pid) = child.state.borrow().pid() else { return Ok(()) };
        kill(Pid::from_raw(pid), Signal::SIGKILL).map_err(|error| Error::step(format!("kill {name}"), error))?;
        let mut state = child.state.subscribe();
        let _ = state.wait_for(|state| state.pid() != Some(pid)).await;
        Ok(())
    }

    /// Stops the children `which` names, all at once.
    pub(crate) async fn stop_all(&self, which: impl Fn(&str) -> bool) {
        let names: Vec<_> = self.names().into_iter().filter(|name| which(name)).collect();
        for name in &names {
            if let Ok(child) = self.child(name) {
                child.wanted.send_replace(false);
            }
        }
        for name in &names {
            let _ = self.stop(name).await;
        }
    }

    fn child(&self, name: &str) -> Result<Arc<Child>, Error> {
        lock(&self.children).get(name).cloned().ok_or_else(|| Error::Unknown(name.to_owned()))
    }
}

impl Shared {
    fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{name}.log"))
    }

    async fn launch(&self, spec: &ChildSpec) -> Result<Process, Error> {
        let log = self.log(&spec.name);
        let file = OpenOptions::new().create(true).append(true).open(&log).map_err(Error::writing(&log))?;
        let errors = file.try_clone().map_err(Error::writing(&log))?;
        let mut command = command(&spec.program, spec.last_word, spec.as_user);
        command.args(&spec.args).envs(spec.env.iter().cloned()).current_dir(&spec.folder);
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        self.spawner.spawn(command).await.map_err(Error::io(format!("cannot start {}", spec.name)))
    }
}

/// The life of one child, until its last stop or until it is given up.
async fn supervise(shared: Arc<Shared>, child: Arc<Child>) {
    let mut crashes = Crashes::default();
    let mut wanted = child.wanted.subscribe();
    loop {
        if !*wanted.borrow_and_update() {
            child.state.send_replace(State::Stopped);
        }
        if wanted.wait_for(|wanted| *wanted).await.is_err() {
            return;
        }
        let started = Instant::now();
        let reason = match shared.launch(&child.spec).await {
            Ok(process) => match run(&child, process, &mut wanted, started).await {
                None => continue,
                Some(status) => format!("ended by itself ({status})"),
            },
            Err(error) => error.to_string(),
        };
        let log = shared.log(&child.spec.name);
        say(&format!("{} {reason}; the end of {}:\n{}", child.spec.name, log.display(), tail(&log)));
        let pause = crashes.add(Instant::now());
        match pause {
            Some(pause) if shared.on_crash == OnCrash::Restart => {
                child.state.send_replace(State::Pending);
                tokio::select! {
                    () = sleep(pause) => {}
                    _ = wanted.wait_for(|wanted| !*wanted) => {}
                }
            }
            _ => {
                child.state.send_replace(State::Failed(reason.clone()));
                shared.failure.send_replace(Some(format!("{} {reason}", child.spec.name)));
                return;
            }
        }
    }
}

/// Watches a running process. `None` when it was asked to stop, its status when it ended by itself.
async fn run(
    child: &Child,
    mut process: Process,
    wanted: &mut watch::Receiver<bool>,
    started: Instant,
) -> Option<ExitStatus> {
    let pid = process.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    child.state.send_replace(State::Starting(pid));
    let ready = async {
        child.spec.ready.wait().await;
        say(&format!("{} ready after {:.1} s", child.spec.name, started.elapsed().as_secs_f32()));
        child.state.send_replace(State::Ready(pid));
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        status = process.wait() => Some(status.unwrap_or_default()),
        _ = wanted.wait_for(|wanted| !*wanted) => None,
        () = ready => None,
    };
    if ended.is_none() {
        let _ = kill(Pid::from_raw(pid), child.spec.stop_signal);
        if timeout(child.spec.stop_limit, process.wait()).await.is_err() {
            say(&format!("{} did not stop in {} s, killing it", child.spec.name, child.spec.stop_limit.as_secs()));
        }
    }
    sweep(pid);
    let _ = process.wait().await;
    ended
}

/// Kills what a child may have left in its process group.
fn sweep(pid: i32) {
    if pid > 1 {
        match killpg(Pid::from_raw(pid), Signal::SIGKILL) {
            Ok(()) | Err(Errno::ESRCH | Errno::EPERM) => {}
            Err(error) => say(&format!("cannot end process group {pid}: {error}")),
        }
    }
}

/// The recent crashes of a child.
#[derive(Debug, Default)]
struct Crashes(VecDeque<Instant>);

impl Crashes {
    /// Counts a crash. Returns how long to wait before the restart, `None` when there were too many.
    fn add(&mut self, now: Instant) -> Option<Duration> {
        self.0.push_back(now);
        while self.0.front().is_some_and(|first| now.duration_since(*first) > CRASH_WINDOW) {
            self.0.pop_front();
        }
        let recent = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        (self.0.len() <= CRASHES_ALLOWED).then(|| Duration::from_millis(100) * 2_u32.pow(recent.min(5)))
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().fold(String::new(), |tail, line| tail + "  " + line + "\n")
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_crash_in_a_minute_is_the_last() {
        let mut crashes = Crashes::default();
        let start = Instant::now();
        let pauses: Vec<_> = (0..6).map(|second| crashes.add(start + Duration::from_secs(second))).collect();
        assert!(pauses[..5].iter().all(Option::is_some) && pauses.is_sorted_by(|a, b| b.is_none() || a < b));
        assert_eq!(pauses[5], None);
        assert!(crashes.add(start + Duration::from_secs(90)).is_some());
    }
}
