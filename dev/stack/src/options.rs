use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use crate::Error;
use crate::plan::Plan;
use crate::supervisor::OnCrash;

/// Which parts of the stack run. Infrastructure always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parts {
    /// Infrastructure, sidecars and apps.
    #[default]
    All,
    /// No apps: their sidecars serve calls, but deliver nothing.
    Sidecars,
    /// Kafka, PostgreSQL and Redis alone.
    Infrastructure,
}

/// Where a stack keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeFolder {
    /// A folder that stays.
    Kept(PathBuf),
    /// A new folder, removed at the end unless the run failed.
    Temporary,
}

/// By how much the ports of `dapr.yaml` are shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortOffset {
    /// By this much.
    Fixed(u16),
    /// By the first multiple of 100 that finds all ports free.
    Free,
}

/// How to start a stack.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The project's folder, the one with `dapr.yaml`.
    pub root: PathBuf,
    /// Where data, secrets and logs go.
    pub home: HomeFolder,
    /// The shift of all ports.
    pub ports: PortOffset,
    /// The folder of the apps' binaries; `None`: where `dapr.yaml` says.
    pub binaries: Option<PathBuf>,
    /// What runs.
    pub parts: Parts,
    /// The apps that run (with their sidecars); `None`: all.
    pub apps: Option<Vec<String>>,
    /// Further environment variables: app id → name → value.
    pub extra_env: BTreeMap<String, BTreeMap<String, String>>,
    /// What happens when a process ends by itself.
    pub on_crash: OnCrash,
    /// Whether to create the demo accounts and `demo.env`.
    pub demo_accounts: bool,
}

impl StackOptions {
    /// For tests: temporary home, free ports, everything running, no demo accounts.
    ///
    /// # Errors
    /// When the current folder is not inside the project.
    pub fn for_tests() -> Result<Self, Error> {
        Ok(Self {
            root: find_root()?,
            home: HomeFolder::Temporary,
            ports: PortOffset::Free,
            binaries: None,
            parts: Parts::All,
            apps: None,
            extra_env: BTreeMap::new(),
            on_crash: OnCrash::Restart,
            demo_accounts: false,
        })
    }

    /// For a person: home and ports from `LEARNFLOW_HOME` (default `.local` in the project) and
    /// `LEARNFLOW_PORT_OFFSET` (default 0), demo accounts.
    ///
    /// # Errors
    /// When the current folder is not inside the project, or the offset is not a number.
    pub fn from_env() -> Result<Self, Error> {
        let offset = match env::var("LEARNFLOW_PORT_OFFSET") {
            Ok(text) => text.parse().map_err(|_| Error::step("LEARNFLOW_PORT_OFFSET", "must be a number of ports"))?,
            Err(_) => 0,
        };
        let root = find_root()?;
        let home = env::var_os("LEARNFLOW_HOME").map_or_else(|| root.join(".local"), PathBuf::from);
        Ok(Self {
            root,
            home: HomeFolder::Kept(home),
            ports: PortOffset::Fixed(offset),
            demo_accounts: true,
            ..Self::for_tests()?
        })
    }

    /// Sets an environment variable of one app.
    #[must_use]
    pub fn env(mut self, app: &str, name: &str, value: impl Into<String>) -> Self {
        self.extra_env.entry(app.into()).or_default().insert(name.into(), value.into());
        self
    }
}

/// The nearest folder upwards that has a `dapr.yaml`.
fn find_root() -> Result<PathBuf, Error> {
    let here = env::current_dir().map_err(Error::io("cannot tell the current folder"))?;
    let root = here.ancestors().find(|folder| folder.join("dapr.yaml").is_file());
    root.map(Path::to_owned).ok_or_else(|| Error::step("start", "run this inside the project's folder"))
}

/// The plan with its ports decided. The lock keeps another stack from choosing the same free ports.
pub(crate) fn decide_ports(options: &StackOptions) -> Result<(Plan, Option<Flock<File>>), Error> {
    match options.ports {
        PortOffset::Fixed(offset) => {
            let plan = Plan::read(&options.root, offset)?;
            match plan.ports().into_iter().find(|port| !is_free(*port)) {
                Some(port) => Err(Error::PortInUse(port)),
                None => Ok((plan, None)),
            }
        }
        PortOffset::Free => {
            for offset in (100..=3400).step_by(100) {
                let plan = Plan::read(&options.root, offset)?;
                let mark = env::temp_dir().join(format!("learnflow-ports-{offset}.lock"));
                let Ok(file) = File::create(&mark) else { continue };
                let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
                if plan.ports().into_iter().all(is_free) {
                    return Ok((plan, Some(lock)));
                }
            }
            Err(Error::step("start", "found no free range of ports"))
        }
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}
