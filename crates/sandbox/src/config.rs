use std::path::PathBuf;

/// Where the tools are, and how many programs run at once.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// The nsjail executable; a bare name is looked up in `PATH`.
    pub nsjail: PathBuf,
    /// The interpreter that runs the programs. The user the jails run as must be able to read it.
    pub python: PathBuf,
    /// Directory in which a private directory for the jails' read-only files is made. It has to be
    /// on a file system that allows execution, and other users must be able to pass through it.
    pub runtime_dir: PathBuf,
    /// Programs running at the same time.
    pub concurrency: usize,
    /// Programs waiting for their turn; the next one is refused with `SandboxError::Busy`.
    pub queue: usize,
    /// Jails that wait for a program when nothing else is to be done. More are kept for some minutes
    /// after programs found none. 0 starts a jail for every program.
    pub warm: usize,
    /// How many of them import what programs import most while nothing else is to be done. A jail holds
    /// about 4 MB when it waits, and about 2 MB more after that.
    pub rich: usize,
    /// Use cgroups where they can be written. Without them memory is limited per process and a
    /// program can start two processes at most.
    pub cgroups: bool,
}

impl SandboxConfig {
    /// The defaults, with `NSJAIL` and `PYTHON` from the environment where they are set.
    pub fn from_env() -> Self {
        let mut config = Self::default();
        if let Some(nsjail) = std::env::var_os("NSJAIL") {
            config.nsjail = nsjail.into();
        }
        if let Some(python) = std::env::var_os("PYTHON") {
            config.python = python.into();
        }
        config
    }
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            nsjail: "nsjail".into(),
            python: "/usr/bin/python3".into(),
            runtime_dir: std::env::temp_dir(),
            concurrency: 4,
            queue: 32,
            warm: 44,
            rich: 40,
            cgroups: true,
        }
    }
}
