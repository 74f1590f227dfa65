//! What all jails share: their read-only files on disk and the command that starts one.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::python::Python;
use crate::sys;

const INIT: &[u8] = include_bytes!(env!("LEARNFLOW_SANDBOX_INIT"));
const BOOTSTRAP: &str = include_str!("bootstrap.py");
const HARNESS: &str = concat!(include_str!("values.py"), include_str!("harness.py"));
const SECCOMP: &str = include_str!("seccomp.kafel");
/// What a jail's first process needs besides where it decides over processes (`init/filter.rs`): a filter that asks. The
/// filter itself refuses further ones.
const ASKING: &str = "POLICY asking { ALLOW { seccomp(op, flags) { op == 1 && flags == 8 } } }\nUSE asking, USE files";
const NSJAIL: &str = include_str!("nsjail.cfg");

/// Where the jails find these files.
const INSIDE: &str = "/lf";
const INIT_INSIDE: &str = "/lf/init";
/// Compiled, because every jail would have to do it.
const BOOTSTRAP_INSIDE: &str = "/lf/bootstrap.pyc";
/// The user inside. Outside it is nobody where the service runs as root, else the service's own.
const USER_INSIDE: u32 = 1000;
const NOBODY: u32 = 65534;

/// The files of the jails, in a private directory that goes away with this value.
#[derive(Debug)]
pub(crate) struct JailImage {
    nsjail: PathBuf,
    python: PathBuf,
    folder: TempDir,
    /// Whether a slot has one empty network namespace for all its jails. One of its own for every jail
    /// is a tenth of what a jail costs, and says no more: there is no interface in it, and no system
    /// call that makes, binds or connects a socket. Without the privilege every jail gets its own.
    pub(crate) leaves_network: bool,
}

impl JailImage {
    pub(crate) fn build(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let nsjail = find(&config.nsjail).ok_or_else(|| SandboxError::NoNsjail(config.nsjail.clone()))?;
        let python = Python::probe(&config.python)?;
        let failed = |source| SandboxError::Prepare { path: config.runtime_dir.clone(), source };
        let folder =
            tempfile::Builder::new().prefix("learnflow-sandbox-").tempdir_in(&config.runtime_dir).map_err(failed)?;
        let image =
            Self { nsjail, python: python.executable.clone(), folder, leaves_network: sys::may_leave_network() };
        image.write(&python).map_err(failed)?;
        Ok(image)
    }

    /// The command of one slot. The descriptors must be inherited under these numbers.
    pub(crate) fn command(&self, socket: RawFd, log: RawFd, is_counted: bool) -> Command {
        let mut command = Command::new(&self.nsjail);
        command.env_clear().arg("--config").arg(self.path("nsjail.cfg"));
        command.arg("--seccomp_policy").arg(self.path(if is_counted { "counted.kafel" } else { "uncounted.kafel" }));
        let [socket, log] = [socket, log].map(|descriptor| descriptor.to_string());
        command.args(["--pass_fd", &socket, "--log_fd", &log]);
        command.args(["--", INIT_INSIDE, &socket, if is_counted { "counted" } else { "uncounted" }]);
        command.arg(&self.python).args(["-I", "-S", "-B", "-X", "utf8", BOOTSTRAP_INSIDE]);
        command
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, python: &Python) -> io::Result<()> {
        // The jail's user is another one where the service runs as root, and has to pass through.
        fs::set_permissions(self.folder.path(), Permissions::from_mode(0o755))?;
        fs::create_dir(self.path("inside"))?;
        fs::set_permissions(self.path("inside"), Permissions::from_mode(0o755))?;
        let config = self.nsjail_config(python)?;
        for (name, content, mode) in [
            ("inside/init", INIT.to_vec(), 0o555),
            ("inside/bootstrap.pyc", python.compile(BOOTSTRAP)?, 0o444),
            ("inside/harness.pyc", python.compile(HARNESS)?, 0o444),
            ("counted.kafel", SECCOMP.into(), 0o444),
            ("uncounted.kafel", SECCOMP.replace("USE files", ASKING).into(), 0o444),
            ("nsjail.cfg", config.into(), 0o444),
        ] {
            fs::write(self.path(name), &content)?;
            fs::set_permissions(self.path(name), Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    fn nsjail_config(&self, python: &Python) -> io::Result<String> {
        let outside = if sys::is_root() { NOBODY.to_string() } else { String::new() };
        let mut config = NSJAIL.to_owned();
        let _ = writeln!(config, "clone_newnet: {}", !self.leaves_network);
        for map in ["uidmap", "gidmap"] {
            let _ = writeln!(config, "{map} {{ inside_id: \"{USER_INSIDE}\" outside_id: \"{outside}\" count: 1 }}");
        }
        // Every mount is made anew for every jail, so there is one for all files of ours.
        let own = [(self.path("inside"), PathBuf::from(INSIDE))];
        for (source, target) in python.binds.iter().cloned().chain(own) {
            let (source, target) = (quoted(&source)?, quoted(&target)?);
            let _ = writeln!(
                config,
                "mount {{ src: {source} dst: {target} is_bind: true rw: false nosuid: true nodev: true }}"
            );
        }
        for (source, target) in &python.links {
            let _ = writeln!(config, "mount {{ src: {} dst: {} is_symlink: true }}", quoted(source)?, quoted(target)?);
        }
        Ok(config)
    }
}

/// A path as nsjail's configuration wants it.
fn quoted(path: &Path) -> io::Result<String> {
    let text = path.to_str().filter(|text| !text.contains(['"', '\\', '\n']));
    let text = text.ok_or_else(|| {
        io::Error::new(ErrorKind::InvalidInput, format!("unusual characters in the path {}", path.display()))
    })?;
    Ok(format!("\"{text}\""))
}

/// The executable a configured path or bare name stands for.
fn find(name: &Path) -> Option<PathBuf> {
    let is_bare = name.components().count() == 1 && !name.is_absolute();
    let search = if is_bare { std::env::var_os("PATH").unwrap_or_default() } else { OsString::new() };
    let candidates = std::env::split_paths(&search).map(|folder| folder.join(name));
    if is_bare { candidates.into_iter().find(|path| path.is_file()) } else { name.is_file().then(|| name.to_owned()) }
}
