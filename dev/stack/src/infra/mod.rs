//! Kafka, PostgreSQL and Redis: processes of the stack, or the ones the environment names.

pub(crate) mod kafka;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod topics;

use std::env;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::Error;

/// Addresses of infrastructure that already runs elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct External {
    /// `KAFKA_BROKERS`
    pub(crate) kafka: Option<String>,
    /// `DATABASE_URL`
    pub(crate) database: Option<String>,
    /// `REDIS_ADDRESS` and `REDIS_PASSWORD`
    pub(crate) redis: Option<(String, String)>,
}

impl External {
    pub(crate) fn from_env() -> Self {
        let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            kafka: set("KAFKA_BROKERS"),
            database: set("DATABASE_URL"),
            redis: set("REDIS_ADDRESS").map(|address| (address, set("REDIS_PASSWORD").unwrap_or_default())),
        }
    }
}

/// Runs a command of the preparation to its end and returns what it printed.
pub(crate) async fn run(step: &str, mut command: Command, input: &str) -> Result<String, Error> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let failed = || Error::io(format!("{step}: cannot run a command"));
    let mut child = command.spawn().map_err(failed())?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input ends with an error of its own.
        let _ = stdin.write_all(input.as_bytes()).await;
    }
    let output = child.wait_with_output().await.map_err(failed())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(Error::step(step, format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))))
}
