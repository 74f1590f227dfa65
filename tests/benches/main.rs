//! `make bench`: measures LearnFlow on a stack of its own, beside named peers in the same run where there are any,
//! prints tables with ratios and writes them to `docs/benchmarks.md`.
//!
//! `cargo bench -p learnflow-tests --bench learnflow -- questions` runs one section, and writes only with `--write`.
//! `LEARNFLOW_PEER` names the folder of a peer for the question path (its `run.sh` starts it).

mod events;
mod execution;
mod histogram;
mod human_eval;
mod peer;
mod questions;
mod record;
mod report;
mod roles;
mod sockets;
mod triage;

use anyhow::Result;
use learnflow_stack::{Stack, StackOptions};

use crate::report::Report;

/// What is measured; all but the first on one running stack.
const SECTIONS: [&str; 7] = ["triage", "questions", "events", "execution", "human_eval", "sockets", "record"];

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let writes = wanted.is_empty() || std::env::args().any(|argument| argument == "--write");
    let runs = |section: &str| wanted.is_empty() || wanted.iter().any(|name| name == section);
    let mut report = Report::begin()?;
    let left_out: Vec<_> = SECTIONS.into_iter().filter(|section| !runs(section)).collect();
    if !left_out.is_empty() {
        report.say(&format!("Left out of this run: {}.\n", left_out.join(", ")))?;
    }
    if runs("triage") {
        triage::measure(&mut report)?;
    }
    if SECTIONS.iter().any(|section| *section != "triage" && runs(section)) {
        let stack = Stack::start(StackOptions::for_tests()?).await?;
        let is_due = async |section| {
            let is_due = runs(section);
            if is_due {
                roles::quiet().await;
            }
            is_due
        };
        if is_due("questions").await {
            questions::measure(&stack, &mut report).await?;
        }
        if is_due("events").await {
            events::measure(&stack, &mut report).await?;
        }
        if is_due("execution").await {
            execution::measure(&stack, &mut report).await?;
        }
        if is_due("human_eval").await {
            human_eval::measure(&stack, &mut report).await?;
        }
        if is_due("sockets").await {
            sockets::measure(&stack, &mut report).await?;
        }
        if is_due("record").await {
            record::measure(&stack, &mut report).await?;
        }
        stack.stop().await;
    }
    if writes {
        report.write()?;
    }
    Ok(())
}
