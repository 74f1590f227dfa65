//! A jail on its way into the pool.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use crate::cgroup::Share;
use crate::error::SandboxError;
use crate::pool::WarmJail;
use crate::program::{Limits, MAX_MEMORY_MB};
use crate::slot::{Ends, Said, Slot, drain};
use crate::sys;

/// How long a jail may take to become ready; one on a busy machine needs tens of milliseconds.
const START_LIMIT: Duration = Duration::from_secs(10);

/// What the interpreter says when it waits for a program, and when it has imported more.
const READY: u8 = b'R';
const ENRICHED: u8 = b'E';
/// Asks it to import more.
const ENRICH: &[u8] = b"E";

/// A jail that is not ready yet, or not ready any more for a moment.
#[derive(Debug)]
pub(crate) struct Starting {
    pub(crate) slot: Slot,
    stage: Stage,
    since: Instant,
}

#[derive(Debug)]
enum Stage {
    /// Its supervisor makes it.
    Made,
    /// Its interpreter starts.
    Begun(Ends),
    /// Its interpreter, ready since then, imports what programs import most.
    Enriched(Ends, Instant),
}

/// What came of looking at it.
pub(crate) enum Step {
    /// It needs more time.
    Pending(Starting),
    /// It waits for a program.
    Ready(WarmJail),
    /// It will not get ready.
    Lost(Slot, SandboxError),
}

impl Starting {
    /// A jail that a supervisor has just been asked for.
    pub(crate) fn new(slot: Slot) -> Self {
        Self { slot, stage: Stage::Made, since: Instant::now() }
    }

    /// Lets a waiting jail import what programs import most. The slot comes back if the jail is dead.
    pub(crate) fn enrich(jail: WarmJail) -> Result<Self, Slot> {
        let WarmJail { mut slot, ends, ready_at, .. } = jail;
        slot.share(Share::Small);
        match sys::send(ends.control.as_fd(), ENRICH) {
            Ok(()) => Ok(Self { slot, stage: Stage::Enriched(ends, ready_at), since: Instant::now() }),
            Err(_) => Err(slot),
        }
    }

    pub(crate) fn is_enriching(&self) -> bool {
        matches!(self.stage, Stage::Enriched(..))
    }

    pub(crate) fn ends(&self) -> Option<&Ends> {
        match &self.stage {
            Stage::Made => None,
            Stage::Begun(ends) | Stage::Enriched(ends, _) => Some(ends),
        }
    }

    /// Looks at what it has said, and moves it on.
    pub(crate) fn step(mut self, has_cgroup: bool) -> Step {
        let mut space = [0];
        // Nothing, the end of the socket, or a letter.
        let heard = self.ends().and_then(|ends| sys::receive(ends.control.as_fd(), &mut space));
        let heard: Option<Option<u8>> = heard.map(|bytes| bytes.first().copied());
        let said = self.slot.said();
        let is_late = self.since.elapsed() > START_LIMIT;
        match (self.stage, heard, said) {
            (Stage::Made, _, Some(Said::Hello)) => match begin(&mut self.slot, has_cgroup) {
                Ok(ends) => Step::Pending(Self { stage: Stage::Begun(ends), ..self }),
                Err(error) => Step::Lost(self.slot, error),
            },
            // The report of the jail before, which nobody waited for.
            (Stage::Made, _, Some(Said::Report(_))) if !is_late => Step::Pending(Self { stage: Stage::Made, ..self }),
            (Stage::Begun(ends), Some(Some(READY)), None) => {
                Step::Ready(WarmJail { slot: self.slot, ends, is_rich: false, ready_at: Instant::now() })
            }
            (Stage::Enriched(ends, ready_at), Some(Some(ENRICHED)), None) => {
                Step::Ready(WarmJail { slot: self.slot, ends, is_rich: true, ready_at })
            }
            (stage, None, None) if !is_late => Step::Pending(Self { stage, ..self }),
            (stage, ..) => {
                let mut reason = self.slot.log();
                if let Stage::Begun(ends) | Stage::Enriched(ends, _) = stage {
                    reason.push_str(&drain(ends.stderr));
                }
                Step::Lost(self.slot, SandboxError::Start(reason))
            }
        }
    }
}

fn begin(slot: &mut Slot, has_cgroup: bool) -> Result<Ends, SandboxError> {
    slot.limit_memory(u64::from(MAX_MEMORY_MB) << 20)?;
    slot.begin(&Limits::most(has_cgroup))
}
