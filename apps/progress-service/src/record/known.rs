//! What the writer knows of students without asking again.

use std::collections::HashMap;

use uuid::Uuid;

use super::tables::Stored;

/// Most facts kept, about 20 MB; who was not active lately is forgotten first.
const MOST_FACTS: usize = 100_000;

/// Students with their facts and what was computed, each as of a version of their record. It is only believed while the
/// database has the same version: another replica may have changed the record meanwhile.
#[derive(Default)]
pub(super) struct Known {
    students: HashMap<Uuid, Entry>,
    facts: usize,
    clock: u64,
}

struct Entry {
    version: i64,
    used: u64,
    stored: Stored,
}

impl Known {
    /// Whether the student is known as of this version.
    pub fn has(&self, student: Uuid, version: i64) -> bool {
        self.students.get(&student).is_some_and(|entry| entry.version == version)
    }

    /// Hands out what is known of a student, and forgets it.
    pub fn take(&mut self, student: Uuid) -> Option<Stored> {
        let entry = self.students.remove(&student)?;
        self.facts -= entry.stored.facts.len();
        Some(entry.stored)
    }

    /// Remembers a student as of a version.
    pub fn put(&mut self, student: Uuid, version: i64, stored: Stored) {
        self.take(student);
        self.clock += 1;
        self.facts += stored.facts.len();
        self.students.insert(student, Entry { version, used: self.clock, stored });
        if self.facts > MOST_FACTS {
            self.forget();
        }
    }

    /// Forgets the less recent half, so that this is not to be done again soon.
    fn forget(&mut self) {
        let mut used: Vec<u64> = self.students.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let middle = used.get(used.len() / 2).copied().unwrap_or_default();
        self.students.retain(|_, entry| entry.used > middle);
        self.facts = self.students.values().map(|entry| entry.stored.facts.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use learnflow_mastery::{Fact, FactKind};
    use time::OffsetDateTime;

    use super::*;

    fn stored(facts: usize) -> Stored {
        let fact = Fact { id: Uuid::nil(), at: OffsetDateTime::UNIX_EPOCH, topic: None, kind: FactKind::SaidStuck };
        Stored { facts: vec![fact; facts], ..Stored::default() }
    }

    /// FR-025: what is known is believed as of its version only; memory is bounded, and who came last stays.
    #[test]
    fn old_versions_and_idle_students_are_forgotten() {
        let mut known = Known::default();
        let id = Uuid::from_u128;
        known.put(id(1), 7, stored(10));
        assert!(known.has(id(1), 7) && !known.has(id(1), 8) && !known.has(id(2), 7));
        for student in 2..400 {
            known.put(id(student), 1, stored(1_000));
            assert!(known.facts <= MOST_FACTS && known.has(id(student), 1));
        }
        assert!(!known.has(id(1), 7));
        assert_eq!(known.facts, known.students.values().map(|entry| entry.stored.facts.len()).sum::<usize>());
    }
}
