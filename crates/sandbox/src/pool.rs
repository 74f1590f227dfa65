//! Jails that wait for a program, and who waits for a jail.

use std::collections::VecDeque;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::cgroup::{Mode, Share};
use crate::error::SandboxError;
use crate::slot::{Ends, Slot};
use crate::sys;

/// How many jails there are, and what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// How resources are limited.
    pub mode: Mode,
    /// Jails that wait for a program.
    pub ready: usize,
    /// Those of them that have imported what programs import most.
    pub rich: usize,
    /// Jails that are being started.
    pub starting: usize,
    /// Jails that run a program.
    pub running: usize,
    /// Those of them whose programs wait for input.
    pub waiting_for_input: usize,
    /// Those of them whose programs have run for long, and step back behind others.
    pub long_running: usize,
    /// Programs that wait for a jail.
    pub waiting: usize,
    /// Jails that should wait for a program when nothing else is to be done.
    pub target: usize,
    /// Runs so far that found a waiting jail.
    pub warm_runs: u64,
    /// Runs so far that had to wait for a new one.
    pub cold_runs: u64,
    /// Jails started so far.
    pub started: u64,
    /// Waiting jails so far that were given up: too old, or found dead.
    pub discarded: u64,
    /// Runs so far that were ended from outside: by a limit or by the caller.
    pub killed: u64,
}

/// A jail whose interpreter waits for a program.
#[derive(Debug)]
pub(crate) struct WarmJail {
    pub(crate) slot: Slot,
    pub(crate) ends: Ends,
    /// Whether it has imported what programs import most.
    pub(crate) is_rich: bool,
    pub(crate) ready_at: Instant,
}

impl WarmJail {
    /// Whether it still waits. A jail that has died has closed its sockets.
    pub(crate) fn is_alive(&self) -> bool {
        use std::os::fd::AsFd;
        sys::is_quiet(self.slot.socket()) && sys::is_quiet(self.ends.control.as_fd())
    }
}

type Waiter = oneshot::Sender<Result<Lease, SandboxError>>;

/// What runs and the keeper share.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// A byte here wakes the keeper.
    alarm: UnixStream,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) ready: Vec<WarmJail>,
    pub(crate) waiters: VecDeque<Waiter>,
    /// Slots whose jails have been used. The flag says whether another jail may be made there.
    pub(crate) returned: Vec<(Slot, bool)>,
    pub(crate) last_run: Option<Instant>,
    pub(crate) is_draining: bool,
    pub(crate) is_closed: bool,
    /// What [`PoolStatus`] says; the numbers of ready jails and of waiters are not kept here.
    pub(crate) status: PoolStatus,
}

/// How often it is looked whether nothing runs any more.
const DRAIN_EVERY: Duration = Duration::from_millis(5);
/// Below this the pool is refilled although programs run.
pub(crate) const LOW: usize = 6;

impl Pool {
    pub(crate) fn new(mode: Mode, alarm: UnixStream) -> Self {
        let status = PoolStatus { mode, ..PoolStatus::default() };
        Self { state: Mutex::new(State { status, ..State::default() }), alarm }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wake(&self) {
        // A full socket wakes as well.
        let _ = (&self.alarm).write(b"!");
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let state = self.lock();
        let rich = state.ready.iter().filter(|jail| jail.is_rich).count();
        PoolStatus { ready: state.ready.len(), rich, waiting: state.waiters.len(), ..state.status }
    }

    /// Takes a waiting jail, of the kind that suits if there is one, or waits for the next one.
    pub(crate) async fn take(self: &Arc<Self>, rich: bool) -> Result<Lease, SandboxError> {
        let answer = {
            let mut state = self.lock();
            if state.is_draining || state.is_closed {
                return Err(SandboxError::Draining);
            }
            if let Some(jail) = state.take_ready(rich) {
                state.status.warm_runs += 1;
                let lease = self.lease(&mut state, jail);
                let is_low = state.ready.len() <= LOW;
                drop(state);
                if is_low {
                    self.wake();
                }
                return Ok(lease);
            }
            state.status.cold_runs += 1;
            let (waiter, answer) = oneshot::channel();
            state.waiters.push_back(waiter);
            answer
        };
        self.wake();
        answer.await.unwrap_or(Err(SandboxError::Draining))
    }

    fn lease(self: &Arc<Self>, state: &mut State, jail: WarmJail) -> Lease {
        state.status.running += 1;
        state.last_run = Some(Instant::now());
        Lease {
            slot: Some(jail.slot),
            ends: Some(jail.ends),
            is_spent: false,
            pace: Pace::Fresh(Instant::now()),
            pool: Arc::clone(self),
        }
    }

    /// Gives a new jail to the first who waits for one, or to nobody yet.
    pub(crate) fn offer(self: &Arc<Self>, jail: WarmJail) {
        let mut state = self.lock();
        while let Some(waiter) = state.waiters.pop_front() {
            if waiter.is_closed() {
                continue;
            }
            let lease = self.lease(&mut state, jail);
            // Dropping a lease that nobody wants any more takes the lock.
            drop(state);
            drop(waiter.send(Ok(lease)));
            return;
        }
        state.ready.push(jail);
    }

    /// Counts a jail that was found dead when it was given its program.
    pub(crate) fn count_discarded(&self) {
        self.lock().status.discarded += 1;
    }

    /// Gives no more jails, and waits until none runs and none waits.
    pub(crate) async fn drained(&self) {
        self.lock().is_draining = true;
        self.wake();
        while {
            let state = self.lock();
            state.status.running + state.ready.len() + state.waiters.len() > 0
        } {
            sleep(DRAIN_EVERY).await;
        }
    }

    /// Tells everybody who waits that there will be no jail.
    pub(crate) fn refuse(&self, error: impl Fn() -> SandboxError) {
        let waiters = std::mem::take(&mut self.lock().waiters);
        for waiter in waiters {
            drop(waiter.send(Err(error())));
        }
    }
}

impl State {
    /// Programs that run, and for which everything else should wait a moment.
    pub(crate) fn fresh(&self) -> usize {
        self.status.running - self.status.waiting_for_input - self.status.long_running
    }

    fn take_ready(&mut self, rich: bool) -> Option<WarmJail> {
        while let Some(jail) = self.pick(rich) {
            if jail.is_alive() {
                return Some(jail);
            }
            self.status.discarded += 1;
            self.returned.push((jail.slot, false));
        }
        None
    }

    /// The oldest jail of that kind if there is one, otherwise of the other.
    fn pick(&mut self, rich: bool) -> Option<WarmJail> {
        let at = self.ready.iter().position(|jail| jail.is_rich == rich);
        at.or_else(|| (!self.ready.is_empty()).then_some(0)).map(|at| self.ready.remove(at))
    }
}

/// How long a program runs before others, and the making of jails, need not wait for it any more.
const LONG: Duration = Duration::from_millis(100);

/// What a program in a jail is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// It runs since then, and may be over in a moment.
    Fresh(Instant),
    /// It waits for input.
    Waiting,
    /// It has run for long.
    Long,
}

/// A jail in use. Dropping it ends what runs in it and gives the slot back.
#[derive(Debug)]
pub(crate) struct Lease {
    slot: Option<Slot>,
    ends: Option<Ends>,
    /// Whether the jail has reported that nothing is left in it but its first process.
    is_spent: bool,
    pace: Pace,
    pool: Arc<Pool>,
}

impl Lease {
    /// The host's ends of the interpreter's descriptors, once.
    pub(crate) fn take_ends(&mut self) -> Option<Ends> {
        self.ends.take()
    }

    pub(crate) fn slot(&mut self) -> Option<&mut Slot> {
        self.slot.as_mut()
    }

    /// The jail has reported.
    pub(crate) fn spent(&mut self) {
        self.is_spent = true;
    }

    /// The program waits for input, or does not any more.
    pub(crate) fn set_waiting(&mut self, is_waiting: bool) {
        match (is_waiting, self.pace == Pace::Waiting) {
            (true, false) => self.set_pace(Pace::Waiting),
            (false, true) => self.set_pace(Pace::Fresh(Instant::now())),
            _ => {}
        }
    }

    /// When the program will have run for long, if it has not yet.
    pub(crate) fn long_at(&self) -> Option<Instant> {
        if let Pace::Fresh(since) = self.pace { Some(since + LONG) } else { None }
    }

    /// The program has run for long: it steps back behind others, and the pool is filled as if it did not run.
    pub(crate) fn has_run_long(&mut self) {
        self.set_pace(Pace::Long);
    }

    fn set_pace(&mut self, pace: Pace) {
        let before = std::mem::replace(&mut self.pace, pace);
        if let Some(slot) = &mut self.slot {
            match pace {
                Pace::Long => slot.step_back(),
                Pace::Fresh(_) => slot.share(Share::Full),
                Pace::Waiting => {}
            }
        }
        let mut state = self.pool.lock();
        let status = &mut state.status;
        status.waiting_for_input += usize::from(pace == Pace::Waiting);
        status.waiting_for_input -= usize::from(before == Pace::Waiting);
        status.long_running += usize::from(pace == Pace::Long);
        status.long_running -= usize::from(before == Pace::Long);
        drop(state);
        if !matches!(pace, Pace::Fresh(_)) {
            self.pool.wake();
        }
    }

    /// Counts a run that had to be ended.
    pub(crate) fn count_kill(&self) {
        self.pool.lock().status.killed += 1;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else { return };
        if !self.is_spent {
            slot.kill_program();
        }
        let mut state = self.pool.lock();
        state.status.waiting_for_input -= usize::from(self.pace == Pace::Waiting);
        state.status.long_running -= usize::from(self.pace == Pace::Long);
        state.status.running -= 1;
        state.last_run = Some(Instant::now());
        state.returned.push((slot, true));
        let is_due = state.fresh() == 0 || state.ready.len() <= LOW || !self.is_spent;
        drop(state);
        if is_due {
            self.pool.wake();
        }
    }
}
