//! Runs every program of a folder and compares what happens with its first line.
//!
//! ```text
//! cargo run --release -p learnflow-sandbox --example corpus -- FOLDER [--no-cgroup]
//! ```
//!
//! The first line of a program is `# expect: ` and a JSON object: `status` (the allowed ones),
//! optionally `exit_code`, `signal`, `within_ms`, `stdout_has`, `stdout_not`, `stderr_has`, `repeat`.

#![allow(clippy::print_stdout, reason = "a command line tool")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use learnflow_sandbox::Sandbox;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = arguments.len();
    arguments.retain(|argument| argument != "--no-cgroup");
    let mut config = support::config();
    config.cgroups = arguments.len() == given;
    let folder = PathBuf::from(arguments.first().context("usage: corpus FOLDER [--no-cgroup]")?);

    let sandbox = Sandbox::new(config)?;
    println!("mode {}", sandbox.mode().as_str());
    let (mut passed, mut failed) = (0, 0);
    for path in support::programs(&folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let (outcome, faults) = support::check(&sandbox, &path).await.with_context(|| name.clone().into_owned())?;
        let good = faults.is_empty();
        passed += usize::from(good);
        failed += usize::from(!good);
        println!(
            "{} {name:36} {:16} {:5} ms {:6} KiB {}",
            if good { "ok  " } else { "FAIL" },
            outcome.status.as_str(),
            outcome.duration.as_millis(),
            outcome.peak_memory_kb,
            faults.join("; "),
        );
        if !good {
            println!("     stdout {:?}\n     stderr {:?}", tail(&outcome.stdout), tail(&outcome.stderr));
        }
    }
    println!("{passed} passed, {failed} failed");
    ensure!(failed == 0, "{failed} programs did not end as expected");
    Ok(())
}

fn tail(text: &str) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(300));
    &text[start..]
}
