//! Which files the interpreter needs: a jail's root holds nothing else.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::SandboxError;

/// A header that says that nothing has to be checked, and the code.
const COMPILER: &str = "import importlib.util, marshal, sys; \
    code = compile(sys.stdin.buffer.read(), '<sandbox>', 'exec', dont_inherit=True, optimize=2); \
    sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER + bytes([1]) + bytes(11) + marshal.dumps(code))";
const PROBE: &str = include_str!("probe.py");
/// Where an executable names its loader on this architecture, whatever the distribution.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";
/// Useful to the interpreter where the host has them: shared library cache, time zones.
const OPTIONAL: [&str; 2] = ["/etc/ld.so.cache", "/usr/share/zoneinfo"];
/// Links that distributions make from the old places of shared libraries to the new ones.
const LINKS: [&str; 1] = ["/lib"];

/// The interpreter's part of a jail's root.
#[derive(Debug)]
pub(crate) struct Python {
    /// The executable itself, links resolved.
    pub(crate) executable: PathBuf,
    /// Files and folders bound read-only: where they are, and where they are seen.
    pub(crate) binds: Vec<(PathBuf, PathBuf)>,
    /// Links: what they point to, and where they are.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
}

impl Python {
    /// Asks the interpreter itself.
    pub(crate) fn probe(path: &Path) -> Result<Self, SandboxError> {
        let refuse = |reason: String| SandboxError::Python { path: path.to_owned(), reason };
        let output = Command::new(path)
            .args(["-I", "-S", "-B", "-c", PROBE])
            .env_clear()
            .output()
            .map_err(|error| refuse(error.to_string()))?;
        if !output.status.success() {
            return Err(refuse(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        let answer = String::from_utf8_lossy(&output.stdout);
        let named = |kind: &str| -> Vec<PathBuf> {
            answer.lines().filter_map(|line| line.strip_prefix(kind)?.strip_prefix(' ')).map(PathBuf::from).collect()
        };
        let executable = named("executable").pop().ok_or_else(|| refuse("it names no executable".to_owned()))?;

        let mut binds: Vec<_> = named("folder").into_iter().map(|folder| (folder.clone(), folder)).collect();
        binds.push((executable.clone(), executable.clone()));
        if let Ok(loader) = Path::new(LOADER).canonicalize() {
            binds.push((loader, LOADER.into()));
        }
        let optional = OPTIONAL.iter().map(PathBuf::from).filter(|path| path.exists());
        binds.extend(optional.map(|path| (path.clone(), path)));

        let mut links: Vec<_> = LINKS
            .iter()
            .filter(|link| Path::new(link).is_symlink())
            .filter_map(|link| Some((Path::new(link).canonicalize().ok()?, PathBuf::from(link))))
            .collect();
        if path.is_absolute() && path != executable {
            links.push((executable.clone(), path.to_owned()));
        }
        Ok(Self { executable, binds, links })
    }

    /// Compiles a script to what the interpreter would cache of it, without documentation strings.
    pub(crate) fn compile(&self, script: &str) -> io::Result<Vec<u8>> {
        let mut compiler = Command::new(&self.executable)
            .args(["-I", "-S", "-B", "-c", COMPILER])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = compiler.stdin.take() {
            stdin.write_all(script.as_bytes())?;
        }
        let output = compiler.wait_with_output()?;
        if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("a script does not compile")) }
    }
}
