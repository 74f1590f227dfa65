use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::cgroup::{Cgroups, Mode};
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::exchange::ReadyJail;
use crate::image::JailImage;
use crate::outcome::Outcome;
use crate::program::Program;
use crate::supervisor::Supervisor;

/// Runs programs, each in a jail of its own. Dropping it ends what is still running and waits until
/// nothing of it is left.
#[derive(Debug)]
pub struct Sandbox {
    supervisor: Supervisor,
    mode: Mode,
    /// Programs that run. A slot comes back when its jail is gone, not when its answer is.
    slots: Arc<Semaphore>,
    /// Programs that run or wait.
    places: Semaphore,
    config: SandboxConfig,
}

impl Sandbox {
    /// Finds the tools and the way to limit resources, and starts one jail to see that it works.
    ///
    /// Blocks for tens of milliseconds.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let image = JailImage::build(&config)?;
        let cgroups = if config.cgroups { Cgroups::detect() } else { Cgroups::None };
        let mode = cgroups.mode();
        let supervisor = Supervisor::start(image, cgroups)?;
        tracing::debug!(mode = mode.as_str(), concurrency = config.concurrency, "sandbox is ready");
        Ok(Self {
            supervisor,
            mode,
            slots: Arc::new(Semaphore::new(config.concurrency)),
            places: Semaphore::new(config.concurrency + config.queue),
            config,
        })
    }

    /// How resources are limited here.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Runs one program to its end, or to its limits.
    ///
    /// Dropping the future kills the program.
    ///
    /// # Errors
    /// `Invalid` if the program breaks a rule, `Busy` if the queue is full, anything else if the
    /// sandbox itself fails. A failing program is an `Outcome`.
    pub async fn run(&self, program: Program) -> Result<Outcome, SandboxError> {
        program.validate()?;
        let busy = || SandboxError::Busy { running: self.config.concurrency, waiting: self.config.queue };
        // The semaphores are never closed, so the only failure is that all permits are taken.
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| busy())?;
        let jail = self.supervisor.start_jail(slot).await?;
        ReadyJail::wait(jail).await?.run(&program).await
    }
}
