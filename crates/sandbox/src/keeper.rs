//! The thread that makes jails ahead of the programs, and clears away what is left of them.
//!
//! It is one thread for all of it because a jail dies with the thread that started its supervisor
//! (that is how nothing survives a killed service), and because starting blocks.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::cgroup::{Cgroups, Mode, Share};
use crate::config::SandboxConfig;
use crate::error::SandboxError;
use crate::image::JailImage;
use crate::pool::{LOW, Pool, WarmJail};
use crate::slot::{Remains, Slot};
use crate::starting::{Starting, Step};
use crate::sys;

/// How long after the last program the pool is refilled, unless it is low.
const QUIET: Duration = Duration::from_millis(5);
/// How often waiting jails are looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// How often a supervisor that is ending is looked at.
const COLLECT: Duration = Duration::from_millis(2);
/// How long a jail waits for a program before another takes its place.
const MAX_AGE: Duration = Duration::from_mins(5);
/// After this many jails a slot is given up, with what the kernel may have kept in its cgroup.
const JAILS_PER_SLOT: u32 = 200;
/// Jails started at the same time while nothing runs.
const STARTS: usize = 2;
/// So many jails that have imported nothing are kept before more are started than made to import.
const PLAIN: usize = 2 * LOW;
/// Jails started at the same time while programs wait for them.
const URGENT_STARTS: usize = 4;
/// How much longer after every failed start the next one waits, and the most.
const PATIENCE: Duration = Duration::from_millis(100);
const MAX_PATIENCE: Duration = Duration::from_secs(5);
/// How much the pool grows when a program finds it empty, and how often it shrinks again by one.
const GROWTH: usize = 4;
const SHRINK: Duration = Duration::from_secs(30);

/// A handle on the thread. Dropping it waits until no jail is left.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) pool: Arc<Pool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread, and one jail to see that it works. Blocks for tens of milliseconds.
    pub(crate) fn start(image: JailImage, cgroups: Cgroups, config: &SandboxConfig) -> Result<Self, SandboxError> {
        let failed = || SandboxError::host("make a socket pair");
        let (alarm, bell) = UnixStream::pair().map_err(failed())?;
        alarm.set_nonblocking(true).and_then(|()| bell.set_nonblocking(true)).map_err(failed())?;
        let pool = Arc::new(Pool::new(cgroups.mode(), alarm));
        let (verdict, checked) = mpsc::channel();
        let work = Work {
            image,
            cgroups,
            pool: Arc::clone(&pool),
            bell,
            warm: config.warm,
            rich: config.rich,
            grown: 0,
            grown_at: Instant::now(),
            swept_at: Instant::now(),
            starting: Vec::new(),
            spent: Vec::new(),
            ending: Vec::new(),
            has_shares: false,
            failures: 0,
            failed_at: Instant::now(),
            verdict: Some(verdict),
        };
        let thread = thread::Builder::new().name("jail-keeper".to_owned()).spawn(move || work.go());
        let keeper = Self { pool, thread: Some(thread.map_err(SandboxError::host("start a thread"))?) };
        checked.recv().unwrap_or_else(|_| Err(SandboxError::Start("the thread that starts jails has ended".into())))?;
        Ok(keeper)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.pool.lock().is_closed = true;
        self.pool.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    image: JailImage,
    cgroups: Cgroups,
    pool: Arc<Pool>,
    bell: UnixStream,
    /// Jails that should wait for a program, and how many of them rich.
    warm: usize,
    rich: usize,
    /// Further ones, because the pool was found empty lately.
    grown: usize,
    grown_at: Instant,
    swept_at: Instant,
    starting: Vec<Starting>,
    /// Slots whose jails have been used.
    spent: Vec<Slot>,
    ending: Vec<Remains>,
    /// Whether jails that are started can be held back behind programs that run.
    has_shares: bool,
    /// Starts that failed since the last one that did not.
    failures: u32,
    failed_at: Instant,
    /// Where the first jail's fate is told.
    verdict: Option<mpsc::Sender<Result<(), SandboxError>>>,
}

impl Work {
    fn go(mut self) {
        self.launch(Share::Full);
        while !self.pool.lock().is_closed {
            self.take_back();
            self.refill();
            self.wait();
            self.advance();
            self.ending.retain_mut(|remains| !remains.collect());
            if self.swept_at.elapsed() >= SWEEP {
                self.sweep();
            }
        }
        self.close();
    }

    /// Takes in the slots of jails that have been used.
    fn take_back(&mut self) {
        let returned = std::mem::take(&mut self.pool.lock().returned);
        for (slot, is_good) in returned {
            if is_good && slot.jails < JAILS_PER_SLOT { self.spent.push(slot) } else { self.retire(slot) }
        }
    }

    fn retire(&mut self, slot: Slot) {
        self.ending.extend(slot.end());
    }

    /// Starts as many jails as are wanted and may be started now.
    fn refill(&mut self) {
        let (ready, rich, running, waiting, quiet, draining) = {
            let mut state = self.pool.lock();
            state.waiters.retain(|waiter| !waiter.is_closed());
            let quiet = state.last_run.is_none_or(|at| at.elapsed() >= QUIET);
            let rich = state.ready.iter().filter(|jail| jail.is_rich).count();
            (state.ready.len(), rich, state.fresh(), state.waiters.len(), quiet, state.is_draining)
        };
        if waiting > 0 {
            let most = self.warm / 4;
            self.grown = (self.grown + GROWTH).min(most);
            self.grown_at = Instant::now();
        } else if self.grown > 0 && self.grown_at.elapsed() > SHRINK {
            self.grown -= 1;
            self.grown_at = Instant::now();
        }
        let target = if draining { 0 } else { self.warm + self.grown };
        let is_calm = running == 0 && waiting == 0 && quiet;
        let may_start = waiting == 0 && quiet && (running == 0 || self.has_shares);
        if may_start && rich < self.rich && (ready >= target || ready - rich >= PLAIN) {
            self.enrich();
        }
        let enriching = self.starting.iter().filter(|jail| jail.is_enriching()).count();
        let starting = self.starting.len() - enriching;
        let at_once = match (waiting, running) {
            (1.., _) => waiting.clamp(STARTS, URGENT_STARTS),
            (0, _) if ready <= LOW => STARTS,
            (0, _) if may_start => STARTS - enriching,
            (0, _) => 0,
        };
        let share = if waiting > 0 || ready <= LOW { Share::Full } else { Share::Small };
        if share == Share::Full {
            for jail in &mut self.starting {
                jail.slot.share(share);
            }
        }
        let wanted = (target + waiting).saturating_sub(ready + self.starting.len());
        if self.failures == 0 || self.failed_at.elapsed() >= self.patience() {
            for _ in 0..wanted.min(at_once.saturating_sub(starting)) {
                self.launch(share);
            }
        }
        let starting = self.starting.iter().filter(|jail| !jail.is_enriching()).count();
        if starting == 0 && is_calm && ready >= target {
            self.give_up_spare(target);
        }
        let mut state = self.pool.lock();
        state.status.starting = starting;
        state.status.target = target;
    }

    fn patience(&self) -> Duration {
        (PATIENCE * 2_u32.saturating_pow(self.failures.min(10))).min(MAX_PATIENCE)
    }

    /// Starts one jail, in a slot that has been used if there is one.
    fn launch(&mut self, share: Share) {
        let slot = loop {
            match self.spent.pop() {
                Some(slot) if slot.end_jail() => break Ok(slot),
                Some(slot) => self.retire(slot),
                None => break Slot::start(&self.image, &self.cgroups),
            }
        };
        match slot {
            Ok(mut slot) => {
                slot.share(share);
                self.has_shares = slot.cgroup().is_some_and(|cgroup| cgroup.has_shares());
                self.starting.push(Starting::new(slot));
            }
            Err(error) => self.failed(error),
        }
    }

    /// Lets one waiting jail import what programs import most, unless another one does.
    fn enrich(&mut self) {
        if self.starting.iter().any(Starting::is_enriching) {
            return;
        }
        let jail = {
            let mut state = self.pool.lock();
            let plain = state.ready.iter().position(|jail| !jail.is_rich);
            plain.map(|at| state.ready.remove(at))
        };
        match jail.map(Starting::enrich) {
            Some(Ok(jail)) => self.starting.push(jail),
            Some(Err(slot)) => self.retire(slot),
            None => {}
        }
    }

    /// Ends slots that a smaller pool does not need.
    fn give_up_spare(&mut self, target: usize) {
        for slot in std::mem::take(&mut self.spent) {
            self.retire(slot);
        }
        let spare = {
            let mut state = self.pool.lock();
            let spare = state.ready.len().saturating_sub(target);
            state.ready.drain(..spare).collect::<Vec<_>>()
        };
        for jail in spare {
            self.retire(jail.slot);
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self) {
        let limit = if !self.ending.is_empty() {
            COLLECT
        } else if (self.has_shares || self.pool.lock().fresh() == 0) && (!self.spent.is_empty() || self.failures > 0) {
            QUIET
        } else {
            SWEEP
        };
        let mut watched: Vec<BorrowedFd<'_>> = vec![self.bell.as_fd()];
        for jail in &self.starting {
            watched.push(jail.slot.socket());
            watched.extend(jail.ends().map(|ends| ends.control.as_fd()));
        }
        if sys::wait_readable(&watched, Some(limit))[0] {
            let mut rings = [0; 64];
            while (&self.bell).read(&mut rings).is_ok_and(|length| length == rings.len()) {}
        }
    }

    /// Moves every starting jail as far as it has come.
    fn advance(&mut self) {
        let has_cgroup = self.cgroups.mode() != Mode::NoCgroup;
        for jail in std::mem::take(&mut self.starting) {
            match jail.step(has_cgroup) {
                Step::Pending(jail) => self.starting.push(jail),
                Step::Ready(jail) => self.ready(jail),
                Step::Lost(slot, error) => {
                    self.retire(slot);
                    self.failed(error);
                }
            }
        }
    }

    fn ready(&mut self, mut jail: WarmJail) {
        self.failures = 0;
        if let Some(verdict) = self.verdict.take() {
            let _ = verdict.send(Ok(()));
        }
        if let Some(cgroup) = jail.slot.cgroup() {
            cgroup.begin_jail();
        }
        if !jail.is_rich {
            self.pool.lock().status.started += 1;
        }
        self.pool.offer(jail);
    }

    fn failed(&mut self, error: SandboxError) {
        self.failures += 1;
        self.failed_at = Instant::now();
        if let Some(verdict) = self.verdict.take() {
            let _ = verdict.send(Err(error));
            return;
        }
        tracing::warn!(%error, failures = self.failures, "a jail did not start");
        // Once may be bad luck; after that the programs that wait should hear of it.
        if self.failures > 1 {
            let reason = error.to_string();
            self.pool.refuse(|| SandboxError::Start(reason.clone()));
        }
    }

    /// Gives up waiting jails that have died, and one that is too old.
    fn sweep(&mut self) {
        self.swept_at = Instant::now();
        let mut gone = Vec::new();
        {
            let mut state = self.pool.lock();
            let dead = state.ready.extract_if(.., |jail| !jail.is_alive()).map(|jail| (jail.slot, false));
            gone.extend(dead);
            if let Some(at) = state.ready.iter().position(|jail| jail.ready_at.elapsed() > MAX_AGE) {
                gone.push((state.ready.remove(at).slot, true));
            }
            state.status.discarded += gone.len() as u64;
        }
        for (slot, is_good) in gone {
            if is_good { self.spent.push(slot) } else { self.retire(slot) }
        }
    }

    /// Ends everything, and waits until it is gone.
    fn close(mut self) {
        let jails = {
            let mut state = self.pool.lock();
            (std::mem::take(&mut state.ready), std::mem::take(&mut state.returned))
        };
        self.pool.refuse(|| SandboxError::Draining);
        let slots = jails.0.into_iter().map(|jail| jail.slot).chain(jails.1.into_iter().map(|(slot, _)| slot));
        let slots = slots.chain(self.starting.drain(..).map(|jail| jail.slot)).chain(self.spent.drain(..));
        self.ending.extend(slots.filter_map(Slot::end));
        while !self.ending.is_empty() {
            thread::sleep(COLLECT);
            self.ending.retain_mut(|remains| !remains.collect());
        }
    }
}
