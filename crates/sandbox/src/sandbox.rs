use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc};
use tracing::Instrument;

use crate::cgroup::{Cgroups, Mode};
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::exchange::{Exchange, Failure, Line};
use crate::grade::{Case, CaseOutcome};
use crate::grading::Grading;
use crate::image::JailImage;
use crate::keeper::Keeper;
use crate::outcome::Outcome;
use crate::pool::{Pool, PoolStatus};
use crate::program::{Program, Purpose};
use crate::run::{Event, Run};

/// How many jails are tried before a program is given up that none would take.
const TRIES: usize = 5;

/// Runs programs, each in a jail of its own, which is made ahead of it. Dropping it ends what is
/// still running and waits until nothing of it is left.
#[derive(Debug)]
pub struct Sandbox {
    keeper: Keeper,
    mode: Mode,
    /// Programs that run.
    slots: Arc<Semaphore>,
    /// Programs that run or wait.
    places: Arc<Semaphore>,
    config: SandboxConfig,
}

/// A program's right to run, given back when it is dropped.
struct Turn {
    _slot: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

impl Sandbox {
    /// Finds the tools and the way to limit resources, and starts one jail to see that it works. The
    /// others are started in the background.
    ///
    /// Blocks for tens of milliseconds.
    pub fn new(config: SandboxConfig) -> Result<Self, SandboxError> {
        let image = JailImage::build(&config)?;
        let cgroups = if config.cgroups { Cgroups::detect() } else { Cgroups::None };
        let mode = cgroups.mode();
        let keeper = Keeper::start(image, cgroups, &config)?;
        tracing::debug!(mode = mode.as_str(), concurrency = config.concurrency, "sandbox is ready");
        Ok(Self {
            keeper,
            mode,
            slots: Arc::new(Semaphore::new(config.concurrency)),
            places: Arc::new(Semaphore::new(config.concurrency + config.queue)),
            config,
        })
    }

    /// How resources are limited here.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How many jails there are, and what they do.
    pub fn pool(&self) -> PoolStatus {
        self.keeper.pool.status()
    }

    /// Runs one program to its end, or to its limits.
    ///
    /// Dropping the future kills the program.
    ///
    /// # Errors
    /// `Invalid` if the program breaks a rule, `Busy` if the queue is full, `Draining` after
    /// [`drain`](Self::drain), anything else if the sandbox itself fails. A failing program is an
    /// `Outcome`.
    pub async fn run(&self, program: Program) -> Result<Outcome, SandboxError> {
        program.validate()?;
        let _turn = self.turn().await?;
        run_in_a_jail(&self.keeper.pool, &program, None).await
    }

    /// Starts one program; what it does comes as events. Waits for the program's turn, not for its end.
    ///
    /// # Errors
    /// As [`run`](Self::run), as far as they are known before the program starts.
    pub async fn start(&self, program: Program) -> Result<Run, SandboxError> {
        program.validate()?;
        let turn = self.turn().await?;
        let pool = Arc::clone(&self.keeper.pool);
        let (events_in, events) = mpsc::unbounded_channel();
        let (input, input_out) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut line = Line { events: events_in, input: input_out };
            let result = run_in_a_jail(&pool, &program, Some(&mut line)).await;
            drop(turn);
            let last = result.map_or_else(Event::Failed, Event::Finished);
            let _ = line.events.send(last);
        });
        Ok(Run { events, input, task: task.abort_handle() })
    }

    /// Runs a program against test cases, in their order, each with a process and a `/tmp` of its own.
    /// The time limit is per case. `program.stdin` is not used.
    ///
    /// Dropping the future kills the program.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn grade(&self, program: Program, cases: Vec<Case>) -> Result<Vec<CaseOutcome>, SandboxError> {
        program.validate()?;
        Case::validate(&cases)?;
        let _turn = self.turn().await?;
        Grading::new(&self.keeper.pool, &program, self.mode).all(&cases).await
    }

    /// Takes no more programs, ends the jails that wait for one, and returns when none runs any more.
    pub async fn drain(&self) {
        self.places.close();
        self.slots.close();
        self.keeper.pool.drained().await;
    }

    async fn turn(&self) -> Result<Turn, SandboxError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|error| match error {
            TryAcquireError::Closed => SandboxError::Draining,
            TryAcquireError::NoPermits => {
                SandboxError::Busy { running: self.config.concurrency, waiting: self.config.queue }
            }
        })?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|_| SandboxError::Draining)?;
        Ok(Turn { _slot: slot, _place: place })
    }
}

/// Runs a program in the first jail that takes it.
async fn run_in_a_jail(
    pool: &Arc<Pool>,
    program: &Program,
    mut line: Option<&mut Line>,
) -> Result<Outcome, SandboxError> {
    let mut tries = 0;
    loop {
        // From here to the moment when the jail has taken the program.
        let span = tracing::info_span!("hand_over");
        let lease = pool.take(program.wants_rich()).instrument(span.clone()).await?;
        let result = match Exchange::new(lease, program.memory_limit_mb) {
            Ok(exchange) => {
                let message = program.message(Purpose::Run, exchange.has_cgroup);
                exchange.run(program, &message, line.as_deref_mut(), span).await
            }
            Err(failure) => Err(failure),
        };
        tries += 1;
        match result {
            Ok((outcome, _)) => return Ok(outcome),
            Err(Failure::NotStarted(error)) if tries < TRIES => {
                pool.count_discarded();
                tracing::warn!(%error, "a jail did not take its program: another one is tried");
            }
            Err(failure) => return Err(failure.into()),
        }
    }
}
