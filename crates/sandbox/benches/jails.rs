//! What runs cost, beside an interpreter without a jail.
//!
//! ```text
//! cargo bench -p learnflow-sandbox [-- PART ...]
//! ```
//!
//! Parts: `latency`, `burst`, `sustained`, `memory`, `cpu`, `neighbour`; all without any. The machine
//! should be quiet. Ways that are compared take turns, so that a busy moment meets all of them. What is
//! printed is Markdown: it is a part of `docs/benchmarks.md`.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "a command line tool that prints figures")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fs;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use learnflow_sandbox::{Program, Sandbox, SandboxConfig, Status};
use tokio::time::{sleep, sleep_until};

const PYTHON: &str = "/usr/bin/python3";
const HELLO: &str = "print('hello')\n";
/// What students import most.
const TYPICAL: &str = "\
import json
import math
import random
from collections import Counter

throws = [random.randint(1, 6) + random.randint(1, 6) for _ in range(200)]
mean = sum(throws) / len(throws)
print(json.dumps({'mean': mean > 0, 'root': math.sqrt(2), 'kinds': len(Counter(throws)) > 3}))
";
const ROUNDS: usize = 150;
/// As the service has it by default.
const CONCURRENCY: usize = 4;

fn config() -> SandboxConfig {
    let defaults = SandboxConfig::default();
    SandboxConfig { warm: defaults.warm, rich: defaults.rich, queue: 1000, ..support::config() }
}

/// Latencies in milliseconds.
#[derive(Default)]
struct Sample(Vec<f64>);

impl Sample {
    fn quantile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let at = (sorted.len() * percent).div_ceil(100);
        sorted.get(at.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    /// Prints a row of the table that [`head`] has begun.
    fn show(&self, name: &str, beside: Option<&Self>) {
        let values = [50, 95, 99].map(|percent| format!("{:.1}", self.quantile(percent))).join(" | ");
        let ratio = |percent| beside.map(|other| format!("{:.2}", self.quantile(percent) / other.quantile(percent)));
        let ratios = [50, 95].map(|percent| ratio(percent).unwrap_or_default()).join(" | ");
        println!("| {name} | {} | {values} | {ratios} |", self.0.len());
    }
}

/// Begins a table of samples, in which one row is what the others are compared with.
fn head(title: &str, first: &str) {
    println!("\n{title}\n\n| {first} | runs | p50, ms | p95, ms | p99, ms | p50 ratio | p95 ratio |");
    println!("|{}", "---|".repeat(7));
}

async fn timed(sandbox: &Sandbox, code: &str) -> Result<f64> {
    let begun = Instant::now();
    let outcome = sandbox.run(Program::new(code)).await?;
    ensure!(outcome.status == Status::Completed, "{outcome:?}");
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// A process without a jail, from its start to its end.
fn bare(arguments: &[&str]) -> Result<f64> {
    let begun = Instant::now();
    let output = Command::new(PYTHON).args(arguments).stdin(Stdio::null()).output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// Waits until the pool is as it should be.
async fn filled(sandbox: &Sandbox) {
    let wanted = config().rich;
    let begun = Instant::now();
    while sandbox.pool().rich < wanted && begun.elapsed() < Duration::from_mins(1) {
        sleep(Duration::from_millis(20)).await;
    }
}

async fn latency() -> Result<()> {
    head("One run at a time, taking turns; ratios to `python3 -c pass`:", "run");
    let cold = Sandbox::new(SandboxConfig { warm: 0, ..config() })?;
    let warm = Sandbox::new(config())?;
    filled(&warm).await;
    let mut samples: [Sample; 7] = Default::default();
    for _ in 0..ROUNDS {
        samples[0].0.push(bare(&["-c", "pass"])?);
        samples[1].0.push(bare(&["-c", HELLO])?);
        samples[2].0.push(bare(&["-c", TYPICAL])?);
        for (sample, code) in [(3, HELLO), (4, TYPICAL)] {
            // Until nothing of the run before is left that this one could use.
            sleep(Duration::from_millis(30)).await;
            samples[sample].0.push(timed(&cold, code).await?);
        }
        samples[5].0.push(timed(&warm, HELLO).await?);
        samples[6].0.push(timed(&warm, TYPICAL).await?);
    }
    let names = ["`python3 -c pass`", "hello, bare", "typical, bare", "hello, cold jail", "typical, cold jail"];
    for (name, sample) in names.into_iter().chain(["hello, warm jail", "typical, warm jail"]).zip(&samples) {
        sample.show(name, Some(&samples[0]));
    }
    Ok(())
}

async fn burst() -> Result<()> {
    head("Forty typical programs within 30 ms, six times:", "burst");
    let sandbox = Arc::new(Sandbox::new(config())?);
    let mut all = Sample::default();
    for round in 1..=6 {
        filled(&sandbox).await;
        sleep(Duration::from_millis(300)).await;
        let begun = Instant::now();
        let runs = (0..40_u32).map(|number| {
            let sandbox = Arc::clone(&sandbox);
            tokio::spawn(async move {
                sleep_until((begun + Duration::from_millis(30) * number / 40).into()).await;
                timed(&sandbox, TYPICAL).await
            })
        });
        let latencies = try_join_all(runs).await?.into_iter().collect::<Result<Vec<_>>>()?;
        let burst = Sample(latencies);
        burst.show(&round.to_string(), None);
        all.0.extend(burst.0);
    }
    all.show("all", None);
    Ok(())
}

/// Keeps `CONCURRENCY` runs under way; returns them, and how many there were per second.
async fn closed_loop(sandbox: &Arc<Sandbox>, code: &'static str, length: Duration) -> Result<(Sample, f64)> {
    let begun = Instant::now();
    let workers = (0..CONCURRENCY).map(|_| {
        let sandbox = Arc::clone(sandbox);
        tokio::spawn(async move {
            let mut latencies = Vec::new();
            while begun.elapsed() < length {
                latencies.push(timed(&sandbox, code).await?);
            }
            anyhow::Ok(latencies)
        })
    });
    let latencies: Vec<f64> = try_join_all(workers).await?.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let rate = latencies.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((Sample(latencies), rate))
}

/// The same in a bare interpreter, two at any time.
async fn bare_loop(code: &'static str, length: Duration) -> Result<(Sample, f64)> {
    let begun = Instant::now();
    let workers = (0..2).map(|_| {
        tokio::task::spawn_blocking(move || {
            let mut latencies = Vec::new();
            while begun.elapsed() < length {
                latencies.push(bare(&["-c", code])?);
            }
            anyhow::Ok(latencies)
        })
    });
    let latencies: Vec<f64> = try_join_all(workers).await?.into_iter().collect::<Result<Vec<_>>>()?.concat();
    let rate = latencies.len() as f64 / begun.elapsed().as_secs_f64();
    Ok((Sample(latencies), rate))
}

async fn sustained() -> Result<()> {
    head("For seconds on end; the second rows are independent arrivals at 60 % of the rate above:", "load");
    let sandbox = Arc::new(Sandbox::new(config())?);
    for (name, code) in [("hello", HELLO), ("typical", TYPICAL)] {
        // The pool that was filled before is used up first.
        closed_loop(&sandbox, code, Duration::from_secs(2)).await?;
        let (runs, rate) = closed_loop(&sandbox, code, Duration::from_secs(8)).await?;
        runs.show(&format!("{name}, {CONCURRENCY} at any time: **{rate:.0} runs/s**"), None);
        let (bare_runs, bare_rate) = bare_loop(code, Duration::from_secs(4)).await?;
        filled(&sandbox).await;
        let (begun, offered) = (Instant::now(), rate * 0.6);
        let mut seed = 7_u64;
        let mut at = 0.0_f64;
        let mut runs = Vec::new();
        while at < 8.0 {
            // Independent arrivals: exponential gaps from a small generator.
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            at -= ((seed >> 11) as f64 / (1_u64 << 53) as f64).max(1e-9).ln() / offered;
            let (sandbox, due) = (Arc::clone(&sandbox), begun + Duration::from_secs_f64(at));
            runs.push(tokio::spawn(async move {
                sleep_until(due.into()).await;
                timed(&sandbox, code).await
            }));
        }
        let latencies = try_join_all(runs).await?.into_iter().collect::<Result<Vec<_>>>()?;
        Sample(latencies).show(&format!("{name}, {offered:.0} runs/s offered"), None);
        bare_runs.show(&format!("{name}, bare, 2 at any time: {bare_rate:.0} runs/s"), None);
    }
    Ok(())
}

/// A group of the version 1 hierarchy with this name, for what is ours alone.
fn group(controller: &str) -> Option<PathBuf> {
    let path = Path::new("/sys/fs/cgroup").join(controller).join(format!("learnflow-bench-{}", std::process::id()));
    fs::create_dir(&path).ok()?;
    Some(path)
}

fn number(path: &Path) -> Result<f64> {
    Ok(fs::read_to_string(path).with_context(|| path.display().to_string())?.trim().parse()?)
}

/// Where the jails' groups are in the version 1 memory hierarchy, if they are there.
fn jails_group() -> Option<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.split_once(":memory:"))?.1;
    let group = Path::new("/sys/fs/cgroup/memory").join(path.trim_start_matches('/')).join("learnflow-sandbox");
    group.is_dir().then_some(group)
}

/// The folders in `/proc` of the processes that this one has started, and of theirs.
fn descendants() -> Result<Vec<PathBuf>> {
    let mut parents = HashMap::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name, in brackets, may have anything in it.
        let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)?.parse::<u32>().ok());
        if let (Ok(process), Some(parent)) = (entry.file_name().to_string_lossy().parse::<u32>(), parent) {
            parents.insert(process, parent);
        }
    }
    let own = std::process::id();
    let is_own =
        |process: &u32| iter::successors(parents.get(process), |parent| parents.get(parent)).any(|id| *id == own);
    Ok(parents
        .keys()
        .filter(|process| is_own(process))
        .map(|process| PathBuf::from(format!("/proc/{process}")))
        .collect())
}

async fn memory() -> Result<()> {
    let sandbox = Sandbox::new(config())?;
    filled(&sandbox).await;
    sleep(Duration::from_secs(1)).await;
    if let Some(folder) = jails_group() {
        // Those of other services may be beside them.
        let own = format!("{}-", std::process::id());
        let mut held = 0.0;
        for group in fs::read_dir(folder)?.flatten() {
            if group.file_name().to_string_lossy().starts_with(&own) {
                held += number(&group.path().join("memory.usage_in_bytes"))? / 1e6;
            }
        }
        let pool = sandbox.pool();
        println!(
            "\nA pool of {} waiting jails, {} of them rich, holds {held:.0} MB by its cgroups.",
            pool.ready, pool.rich
        );
    }
    let mut shares = 0.0;
    for process in descendants()? {
        let rollup = fs::read_to_string(process.join("smaps_rollup")).unwrap_or_default();
        let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        shares += pss.and_then(|text| text.trim_end_matches("kB").trim().parse().ok()).unwrap_or(0.0);
    }
    println!("\nBy the proportional shares of its processes it is {:.0} MB.", shares / 1e3);
    Ok(())
}

/// CPU per run with everything that belongs to it: the jail made, used, and cleared away.
async fn cpu() -> Result<()> {
    let Some(group) = group("cpuacct") else {
        println!("\nCPU per run cannot be told here: there is no cpuacct hierarchy.");
        return Ok(());
    };
    println!("\nCPU of a whole cycle (a jail made, used and cleared away):\n\n| cycle | ms of CPU |\n|---|---|");
    fs::write(group.join("cgroup.procs"), "0")?;
    for (name, rich, code) in [("lean, hello", 0, HELLO), ("rich, hello", 8, HELLO), ("lean, typical", 0, TYPICAL)] {
        let sandbox = Sandbox::new(SandboxConfig { warm: 8, rich, ..config() })?;
        sleep(Duration::from_secs(1)).await;
        let runs = 100;
        let before = number(&group.join("cpuacct.usage"))?;
        for _ in 0..runs {
            timed(&sandbox, code).await?;
            let begun = Instant::now();
            while sandbox.pool().rich < rich && begun.elapsed() < Duration::from_secs(1) {
                sleep(Duration::from_millis(5)).await;
            }
        }
        while sandbox.pool().ready < 8 {
            sleep(Duration::from_millis(5)).await;
        }
        let used = number(&group.join("cpuacct.usage"))? - before;
        println!("| {name} | {:.2} |", used / 1e6 / f64::from(runs));
    }
    let before = number(&group.join("cpuacct.usage"))?;
    for _ in 0..100 {
        bare(&["-c", "pass"])?;
    }
    println!("| `python3 -c pass` | {:.2} |", (number(&group.join("cpuacct.usage"))? - before) / 1e8);
    fs::write(group.parent().context("a parent")?.join("cgroup.procs"), "0")?;
    let _ = fs::remove_dir(&group);
    Ok(())
}

/// Normal programs beside hostile ones: beside one after the other, and beside as many as one student may run.
async fn neighbour(cgroups: bool) -> Result<()> {
    let sandbox = Arc::new(Sandbox::new(SandboxConfig { cgroups, ..config() })?);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile");
    let attacks = support::programs(&folder)?;
    let normal = async |sandbox: &Sandbox| -> Result<Sample> {
        let mut sample = Sample::default();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(12) {
            sample.0.push(timed(sandbox, TYPICAL).await?);
            sleep(Duration::from_millis(20)).await;
        }
        Ok(sample)
    };
    filled(&sandbox).await;
    let quiet = normal(&sandbox).await?;
    let mode = sandbox.mode().as_str();
    head(&format!("Typical programs, one after the other, beside hostile ones ({mode}):"), "attacks");
    quiet.show("none", None);
    for streams in [1, CONCURRENCY - 1] {
        filled(&sandbox).await;
        let hostile: Vec<_> = (0..streams)
            .map(|stream| {
                let (sandbox, attacks) = (Arc::clone(&sandbox), attacks.clone());
                tokio::spawn(async move {
                    for path in attacks.iter().cycle().skip(stream * attacks.len() / streams) {
                        let _ = support::check(&sandbox, path).await;
                    }
                })
            })
            .collect();
        let beside = normal(&sandbox).await?;
        for stream in hostile {
            stream.abort();
            let _ = stream.await;
        }
        beside.show(&format!("{streams} at any time"), Some(&quiet));
    }
    Ok(())
}

fn main() -> Result<()> {
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let wanted = |name: &str| parts.is_empty() || parts.iter().any(|part| part == name);
    // A runtime for each, so that nothing of one is left when the next begins.
    let run = |part: std::pin::Pin<Box<dyn Future<Output = Result<()>>>>| -> Result<()> {
        tokio::runtime::Runtime::new()?.block_on(part)
    };
    if wanted("latency") {
        run(Box::pin(latency()))?;
    }
    if wanted("burst") {
        run(Box::pin(burst()))?;
    }
    if wanted("sustained") {
        run(Box::pin(sustained()))?;
    }
    if wanted("memory") {
        run(Box::pin(memory()))?;
    }
    if wanted("cpu") {
        run(Box::pin(cpu()))?;
    }
    if wanted("neighbour") {
        run(Box::pin(neighbour(true)))?;
        run(Box::pin(neighbour(false)))?;
    }
    Ok(())
}
