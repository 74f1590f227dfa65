//! `learnflow-stack up | stop | status`: the local run of LearnFlow. See the library for what it does.

use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use learnflow_stack::{Error, HomeFolder, OnCrash, Parts, Stack, StackOptions, running, status, stop_running};
use tokio::signal::unix::{Signal, SignalKind, signal};

const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// Runs LearnFlow on this machine.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything, keep it running, stop it on Ctrl-C.
    Up {
        /// What to do when a process ends by itself.
        #[arg(long, value_enum, default_value_t)]
        on_crash: OnCrash,
        /// What to run.
        #[arg(long, value_enum, default_value_t)]
        parts: PartsArgument,
    },
    /// Stop the stack that runs in this home.
    Stop,
    /// Show what runs and what is ready.
    Status,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum PartsArgument {
    #[default]
    All,
    Sidecars,
    Infrastructure,
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Up { on_crash, parts } => up(on_crash, parts).await,
        Command::Stop => stop().await,
        Command::Status => show_status().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("learnflow: {error}"));
            ExitCode::FAILURE
        }
    }
}

async fn up(on_crash: OnCrash, parts: PartsArgument) -> Result<(), Error> {
    let parts = match parts {
        PartsArgument::All => Parts::All,
        PartsArgument::Sidecars => Parts::Sidecars,
        PartsArgument::Infrastructure => Parts::Infrastructure,
    };
    let mut signals = Signals::new()?;
    let options = StackOptions { on_crash, parts, ..StackOptions::from_env()? };
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        // Dropping a half-started stack ends its processes.
        () = signals.next() => return Ok(()),
    };
    print(&format!("ready {}", stack.gateway_url()));
    let failure = tokio::select! {
        () = signals.next() => None,
        reason = stack.failed() => Some(reason),
    };
    tell("stopping");
    tokio::select! {
        () = stack.stop() => {}
        // Asked twice: no more patience.
        () = signals.next() => {}
    }
    failure.map_or(Ok(()), |reason| Err(Error::Step { step: "the run failed".into(), message: reason }))
}

async fn stop() -> Result<(), Error> {
    let HomeFolder::Kept(home) = StackOptions::from_env()?.home else { return Ok(()) };
    let stopped = tokio::task::spawn_blocking(move || stop_running(&home, STOP_PATIENCE)).await;
    match stopped.unwrap_or(Ok(None))? {
        Some(pid) => tell(&format!("stopped (process {pid})")),
        None => tell("nothing is running"),
    }
    Ok(())
}

async fn show_status() -> Result<(), Error> {
    let options = StackOptions::from_env()?;
    let HomeFolder::Kept(home) = &options.home else { return Ok(()) };
    match running(home) {
        Some(pid) => print(&format!("running in {} (process {pid})", home.display())),
        None => print(&format!("not running in {}", home.display())),
    }
    let word = |ok| if ok { "ready" } else { "-" };
    for app in status(&options).await? {
        print(&format!("{:22} {:5}  {:6} sidecar {}", app.app, app.port, word(app.ready), word(app.sidecar)));
    }
    Ok(())
}

struct Signals(Signal, Signal);

impl Signals {
    fn new() -> Result<Self, Error> {
        let listen =
            |kind| signal(kind).map_err(|source| Error::Io { what: "cannot listen for signals".into(), source });
        Ok(Self(listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.0.recv() => {}
            _ = self.1.recv() => {}
        }
    }
}

fn print(line: &str) {
    // A closed pipe must not end the run.
    let _ = writeln!(stdout(), "{line}");
    let _ = stdout().flush();
}

fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
