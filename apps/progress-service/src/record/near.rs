//! The first cache: what this process read lately.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::read::Snapshot;

/// How long what was read is handed out again.
const FRESH: Duration = Duration::from_secs(30);
/// Most students; then those not read lately are forgotten.
const MOST: usize = 10_000;

/// Snapshots by student, and from which version on one may be kept.
#[derive(Default)]
pub(super) struct Near {
    slots: Mutex<HashMap<Uuid, Slot>>,
}

#[derive(Default)]
struct Slot {
    /// A snapshot from before this version is outdated.
    version: i64,
    snapshot: Option<(Instant, Arc<Snapshot>)>,
}

impl Near {
    /// What was read a moment ago.
    pub fn fresh(&self, student: Uuid) -> Option<Arc<Snapshot>> {
        let slots = self.slots();
        let slot = slots.get(&student)?;
        let (read, snapshot) = slot.snapshot.as_ref()?;
        (read.elapsed() < FRESH && snapshot.version >= slot.version).then(|| snapshot.clone())
    }

    /// What was read at some time: for when nothing newer can be had.
    pub fn any(&self, student: Uuid) -> Option<Arc<Snapshot>> {
        Some(self.slots().get(&student)?.snapshot.as_ref()?.1.clone())
    }

    /// Whether a snapshot shows all that this process knows to have changed.
    pub fn is_current(&self, snapshot: &Snapshot, student: Uuid) -> bool {
        self.slots().get(&student).is_none_or(|slot| snapshot.version >= slot.version)
    }

    /// Keeps a snapshot, unless the record has changed since it was taken.
    pub fn keep(&self, student: Uuid, snapshot: Arc<Snapshot>) {
        let mut slots = self.slots();
        make_room(&mut slots);
        let slot = slots.entry(student).or_default();
        if snapshot.version >= slot.version {
            slot.snapshot = Some((Instant::now(), snapshot));
        }
    }

    /// The student was erased.
    pub fn forget(&self, student: Uuid) {
        self.slots().remove(&student);
    }

    /// The record has changed.
    pub fn outdate(&self, student: Uuid, version: i64) {
        let mut slots = self.slots();
        make_room(&mut slots);
        let slot = slots.entry(student).or_default();
        slot.version = slot.version.max(version);
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Uuid, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_room(slots: &mut HashMap<Uuid, Slot>) {
    if slots.len() < MOST {
        return;
    }
    slots.retain(|_, slot| slot.snapshot.as_ref().is_some_and(|(read, _)| read.elapsed() < FRESH));
    if slots.len() >= MOST {
        slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-025, L1: what was read before a change is not handed out after it, whichever is noted first.
    #[test]
    fn a_change_outdates_what_was_read_before() {
        let (near, student) = (Near::default(), Uuid::now_v7());
        let snapshot = |version| Arc::new(Snapshot { version, ..Snapshot::default() });
        near.keep(student, snapshot(1));
        assert_eq!(near.fresh(student).unwrap().version, 1);
        near.outdate(student, 2);
        assert!(near.fresh(student).is_none());
        // A reader that was slower than the writer.
        near.keep(student, snapshot(1));
        assert!(near.fresh(student).is_none());
        assert_eq!(near.any(student).unwrap().version, 1);
        near.keep(student, snapshot(2));
        assert_eq!(near.fresh(student).unwrap().version, 2);
    }

    /// FR-025, L1: memory is bounded.
    #[test]
    fn idle_students_are_forgotten() {
        let near = Near::default();
        for _ in 0..3 * MOST {
            near.outdate(Uuid::now_v7(), 1);
            assert!(near.slots().len() <= MOST);
        }
    }
}
