//! What the writer knows of students without asking again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use learnflow_mastery::{Fact, Facts};
use uuid::Uuid;

use super::{
    derived::{Derived, Resolved},
    packed::Packed,
};

/// Most facts kept, about 30 MB; who was not active lately is forgotten first.
const MOST_FACTS: usize = 600_000;
/// What a student costs beside their facts, in facts.
const STUDENT: usize = 50;

/// What was computed for a student, and the facts that were needed for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Student {
    pub derived: Derived,
    pub resolved: Vec<Resolved>,
    topics: BTreeMap<String, Packed>,
}

/// The topic of a fact; the empty one when it has none.
pub(super) fn topic(fact: &Fact) -> &str {
    fact.topic.as_deref().unwrap_or_default()
}

impl Student {
    /// What was computed for a student, of whom no facts are known yet.
    pub fn new(derived: Derived, resolved: Vec<Resolved>) -> Self {
        Self { derived, resolved, topics: BTreeMap::new() }
    }

    /// Those of the topics whose facts are not known.
    pub fn missing<'a>(&'a self, topics: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
        topics.iter().filter(|topic| !self.topics.contains_key(*topic)).map(String::as_str)
    }

    /// All facts on a topic are known, as soon as they have been added: there may be none.
    pub fn knows(&mut self, topic: &str) {
        if !self.topics.contains_key(topic) {
            self.topics.insert(topic.to_owned(), Packed::default());
        }
    }

    /// Adds a fact, unless nothing is known of its topic: then it is read with the others when they are needed.
    pub fn add(&mut self, fact: &Fact) {
        if let Some(facts) = self.topics.get_mut(topic(fact)) {
            facts.push(fact);
        }
    }

    /// All facts on a topic.
    pub fn facts(&self, topic: &str) -> Facts {
        self.topics.get(topic).map(|packed| packed.facts(topic).collect()).unwrap_or_default()
    }

    fn cost(&self) -> usize {
        STUDENT + self.topics.values().map(Packed::len).sum::<usize>()
    }
}

/// Students, each as of a version of their record. It is only believed while the database has the same version: another
/// replica may have changed the record meanwhile.
#[derive(Default)]
pub(super) struct Known {
    students: HashMap<Uuid, Entry>,
    cost: usize,
    clock: u64,
}

struct Entry {
    version: i64,
    used: u64,
    student: Student,
}

impl Known {
    /// Hands out what is known of a student as of this version, and forgets it.
    pub fn take(&mut self, student: Uuid, version: i64) -> Option<Student> {
        let entry = self.students.remove(&student)?;
        self.cost -= entry.student.cost();
        (entry.version == version).then_some(entry.student)
    }

    /// Forgets a student.
    pub fn forget(&mut self, student: Uuid) {
        drop(self.take(student, 0));
    }

    /// Remembers a student as of a version.
    pub fn put(&mut self, id: Uuid, version: i64, student: Student) {
        self.forget(id);
        self.clock += 1;
        self.cost += student.cost();
        self.students.insert(id, Entry { version, used: self.clock, student });
        if self.cost > MOST_FACTS {
            self.make_room();
        }
    }

    /// Forgets the less recent half, so that this is not to be done again soon.
    fn make_room(&mut self) {
        let mut used: Vec<u64> = self.students.values().map(|entry| entry.used).collect();
        used.sort_unstable();
        let middle = used.get(used.len() / 2).copied().unwrap_or_default();
        self.students.retain(|_, entry| entry.used > middle);
        self.cost = self.students.values().map(|entry| entry.student.cost()).sum();
    }
}

#[cfg(test)]
mod tests {
    use learnflow_mastery::FactKind;
    use time::OffsetDateTime;

    use super::*;

    fn student(facts: usize) -> Student {
        let fact = Fact { id: Uuid::nil(), at: OffsetDateTime::UNIX_EPOCH, topic: None, kind: FactKind::SaidStuck };
        let mut student = Student::default();
        student.knows("");
        (0..facts).for_each(|_| student.add(&fact));
        student
    }

    /// FR-025: what is known is believed as of its version only; memory is bounded, and who came last stays.
    #[test]
    fn old_versions_and_idle_students_are_forgotten() {
        let mut known = Known::default();
        let id = Uuid::from_u128;
        known.put(id(1), 7, student(10));
        assert!(known.take(id(1), 8).is_none() && known.take(id(1), 7).is_none() && known.cost == 0);
        for number in 1..800 {
            known.put(id(number), 1, student(1_000));
            assert!(known.cost <= MOST_FACTS && known.students.contains_key(&id(number)));
        }
        assert!(!known.students.contains_key(&id(1)));
        assert_eq!(known.cost, known.students.values().map(|entry| entry.student.cost()).sum::<usize>());
        assert_eq!(known.take(id(799), 1).unwrap().facts("").iter().count(), 1, "facts of one id are one");
    }
}
