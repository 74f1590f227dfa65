//! Running Python in an empty folder of its own.

use std::{
    fs,
    io::{Read, Write as _},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const PYTHON: &str = "/usr/bin/python3";

/// What a run left behind.
pub struct Run {
    pub success: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// The last line of standard error, where Python names the exception.
    pub fn error(&self) -> &str {
        self.stderr.trim_end().lines().last().unwrap_or_default().trim_end()
    }
}

/// Runs a program as `main.py`, away from the user's settings but with modules in its own folder in reach; one that takes
/// longer than `limit` is killed and doesn't succeed.
pub fn run(code: &str, input: &str, limit: Duration) -> Run {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("main.py"), code).unwrap();
    let mut python = Command::new(PYTHON)
        .args(["-E", "-s", "-X", "utf8", "main.py"])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    let (stdout, stderr) = (python.stdout.take().unwrap(), python.stderr.take().unwrap());
    let start = Instant::now();
    thread::scope(|scope| {
        // A program may end without reading its input.
        scope.spawn(move || stdin.write_all(input.as_bytes()).ok());
        let stdout = scope.spawn(|| read(stdout));
        let stderr = scope.spawn(|| read(stderr));
        let status = loop {
            if let Some(status) = python.try_wait().unwrap() {
                break Some(status);
            }
            if start.elapsed() > limit {
                python.kill().unwrap();
                python.wait().unwrap();
                break None;
            }
            thread::sleep(Duration::from_millis(2));
        };
        let mut stderr = stderr.join().unwrap();
        if status.is_none() {
            stderr.push_str("\nit was stopped because it takes too long\n");
        }
        Run { success: status.is_some_and(|status| status.success()), stdout: stdout.join().unwrap(), stderr }
    })
}

fn read(mut pipe: impl Read) -> String {
    let mut bytes = Vec::new();
    pipe.read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}
