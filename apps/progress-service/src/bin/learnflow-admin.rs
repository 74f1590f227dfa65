//! learnflow-admin: what operators do to the record.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use progress_service::{
    config::Config,
    database::Database,
    record::rebuild::{Report, rebuild},
};
use uuid::Uuid;

/// What operators do to the record. The database is the one at `DATABASE_URL`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Computes every record anew from the facts and compares it with what is stored; fails when anything differs.
    Rebuild {
        /// Only this student's record.
        #[arg(long)]
        student: Option<Uuid>,
        /// Replaces what differs.
        #[arg(long)]
        repair: bool,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Arguments { command: Command::Rebuild { student, repair } } = Arguments::parse();
    let config = Config::from_env()?;
    let url = config.database_url.context("set DATABASE_URL to the database of the record")?;
    let read_url = Arc::new(move || {
        let url = url.clone();
        Box::pin(async move { Ok(url) }) as _
    });
    let database = Database::new(config.database, read_url)?;
    database.start().await?;
    let report = rebuild(&database, &config.mastery, student, repair).await?;
    print(&report);
    Ok(if report.differences.is_empty() || repair { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[allow(clippy::print_stdout, reason = "the report is what the command is for")]
fn print(report: &Report) {
    for difference in &report.differences {
        println!("{}: {}", difference.student, difference.what);
    }
    let Report { students, facts, topics, alerts, differences } = report;
    println!(
        "{students} students, {facts} facts: {topics} topics and {alerts} alerts computed anew, {} differences",
        differences.len()
    );
}
