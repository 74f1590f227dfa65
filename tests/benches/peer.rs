use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
};

use anyhow::{Context as _, Result, ensure};
use learnflow_tests::{cpu::Roles, load::Question};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

use crate::questions::Target;

/// A peer that answers the same question path in another stack: `FastAPI` services behind Dapr sidecars. It is measured
/// when `LEARNFLOW_PEER` names its folder; `run.sh B` starts it and prints its URL and processes.
pub struct Peer {
    child: Child,
    folder: PathBuf,
    url: String,
    roles: Roles,
}

impl Peer {
    pub async fn start() -> Result<Option<Self>> {
        let Some(source) = env::var_os("LEARNFLOW_PEER").filter(|folder| Path::new(folder).join("run.sh").is_file())
        else {
            return Ok(None);
        };
        // It writes beside its files, which may be read-only.
        let folder = env::temp_dir().join(format!("learnflow-peer-{}", std::process::id()));
        copy(Path::new(&source), &folder)?;
        let cache = env::var_os("LEARNFLOW_CACHE").map_or_else(
            || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/learnflow"),
            PathBuf::from,
        );
        // Batch work, as the processes of our stack are.
        let mut child = Command::new("chrt")
            .args(["--batch", "0", "bash", "run.sh", "B"])
            .current_dir(&folder)
            .env("KEEP", "1")
            .env("DAPRD", cache.join("daprd-1.18.2/daprd"))
            .env("KAFKA_LIBS", cache.join("kafka-4.1.0/libs"))
            .env("KAFKA", "127.0.0.1:17092")
            .env("REDIS", "127.0.0.1:17379")
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the peer")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        while let Some(line) = lines.next_line().await? {
            let mut words = line.split(' ');
            if let Some(url) = words.next().filter(|word| word.starts_with("http://")) {
                let mut roles = Roles::new();
                for (role, pid) in words.filter_map(|word| word.split_once('=')) {
                    let role = match role {
                        "service" => "services",
                        "sidecar" => "sidecars",
                        role => role,
                    };
                    roles.entry(role.to_owned()).or_default().push(pid.parse()?);
                }
                return Ok(Some(Self { child, folder, url: url.to_owned(), roles }));
            }
        }
        anyhow::bail!("the peer did not start; see {}", folder.display())
    }

    pub fn target(&self) -> Result<Target> {
        let load = fs::read_to_string(self.folder.join("work/load.tsv"))?;
        let questions: Arc<[_]> = load
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(token, body)| Question { token: token.to_owned(), body: body.to_owned() })
            .collect();
        ensure!(!questions.is_empty(), "the peer has no questions");
        let address = self.url.trim_start_matches("http://").to_owned();
        Ok(Target { name: "Peer: Python (FastAPI, uvloop) on Dapr", address, questions, roles: self.roles.clone() })
    }

    pub async fn stop(mut self) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // Its script ends what it started.
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        }
        let _ = self.child.wait().await;
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
