//! The folder a stack lives in: data, secrets, logs, and the mark of the process that runs it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Error;

/// Writes a file only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let _ = fs::remove_file(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(Error::writing(&temporary))?;
    file.write_all(content.as_bytes()).map_err(Error::writing(&temporary))?;
    fs::rename(&temporary, path).map_err(Error::writing(path))
}

/// A stack's home with the lock that makes it this process's.
#[derive(Debug)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    lock: Flock<File>,
}

impl Home {
    /// Creates the folder where needed and takes its lock.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        for folder in ["", "log", "secrets", "dapr", "run"] {
            let folder = path.join(folder);
            fs::create_dir_all(&folder).map_err(Error::io(format!("cannot create {}", folder.display())))?;
        }
        let secrets = path.join("secrets");
        fs::set_permissions(&secrets, fs::Permissions::from_mode(0o700)).map_err(Error::writing(&secrets))?;
        let path = path.canonicalize().map_err(Error::reading(path))?;
        let mark = mark_path(&path);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&mark)
            .map_err(Error::writing(&mark))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                lock.set_len(0)
                    .and_then(|()| lock.rewind())
                    .and_then(|()| write!(lock, "{}", std::process::id()))
                    .map_err(Error::writing(&mark))?;
                Ok(Self { path, lock })
            }
            Err((mut file, Errno::EWOULDBLOCK)) => Err(Error::Running { home: path, pid: read_pid(&mut file) }),
            Err((_, error)) => Err(Error::io(format!("cannot lock {}", mark.display()))(error.into())),
        }
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The lock itself goes with the file; an empty mark says that the end was orderly.
        let _ = self.lock.set_len(0);
    }
}

fn mark_path(home: &Path) -> PathBuf {
    home.join("stack.pid")
}

fn read_pid(file: &mut File) -> i32 {
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    text.trim().parse().unwrap_or(0)
}

/// The process that runs a stack in `home`, if one does. The lock tells, so that a stale mark names nobody.
pub fn running(home: &Path) -> Option<i32> {
    let file = OpenOptions::new().read(true).write(true).open(mark_path(home)).ok()?;
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Err((mut file, Errno::EWOULDBLOCK)) => Some(read_pid(&mut file)),
        _ => None,
    }
}

/// Asks the stack in `home` to stop and waits for its end. Returns its process id, or `None` when none was running.
///
/// # Errors
/// When it is still there after `patience`.
pub fn stop_running(home: &Path, patience: Duration) -> Result<Option<i32>, Error> {
    let Some(pid) = running(home).filter(|pid| *pid > 1) else { return Ok(None) };
    kill(Pid::from_raw(pid), Signal::SIGTERM).map_err(|e| Error::step("stop", e))?;
    let end = Instant::now() + patience;
    while running(home) == Some(pid) {
        if Instant::now() > end {
            return Err(Error::step(
                "stop",
                format!("process {pid} is still stopping; its logs are in {}/log", home.display()),
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(Some(pid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_home_serves_one_stack() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(running(folder.path()), None);
        let home = Home::open(folder.path()).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(running(folder.path()), Some(own));
        assert!(matches!(Home::open(folder.path()), Err(Error::Running { pid, .. }) if pid == own));
        drop(home);
        assert_eq!(running(folder.path()), None);
        assert!(stop_running(folder.path(), Duration::from_secs(1)).unwrap().is_none());
    }
}
