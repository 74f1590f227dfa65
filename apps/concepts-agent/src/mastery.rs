//! What a student knows already, from the record that progress-service keeps in the state store.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use learnflow_curriculum::{Curriculum, Level, Topic};
use learnflow_proto::v1::GetProgressResponse;
use learnflow_sidecar::Sidecar;
use serde::Deserialize;
use time::{Date, OffsetDateTime};
use tokio::time::timeout;

/// How long an answer waits for the record. A later one has it.
const PATIENCE: Duration = Duration::from_millis(5);
/// How long a record that was read is good for; most questions of a student in conversation find it.
const FRESH: Duration = Duration::from_mins(1);
/// Students remembered at a time.
const MOST: usize = 10_000;

/// A student's level in each topic that was begun. Empty for one who is new, and while the record cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known(HashMap<String, Level>);

impl Known {
    /// The level to explain a topic at: the student's own. A topic not begun is explained from its beginning, but not to
    /// somebody who is well versed in all that it builds on.
    pub fn level(&self, topic: &Topic) -> Level {
        if let Some(level) = self.0.get(&topic.id) {
            return *level;
        }
        let versed = |id: &String| self.at_least(id, Level::Proficient);
        if !topic.prerequisites.is_empty() && topic.prerequisites.iter().all(versed) {
            Level::Learning
        } else {
            Level::Beginner
        }
    }

    /// The next topic after `topic` that the student does not know well yet, and knows the prerequisites of; the next one
    /// of the curriculum if there is none.
    pub fn next_topic<'a>(&self, curriculum: &'a Curriculum, topic: &Topic) -> Option<&'a Topic> {
        let ready = |next: &&Topic| {
            let known = |id: &String| *id == topic.id || self.at_least(id, Level::Learning);
            !self.at_least(&next.id, Level::Proficient) && next.prerequisites.iter().all(known)
        };
        let later = || curriculum.topics().skip_while(|other| other.id != topic.id).skip(1);
        if self.0.is_empty() { later().next() } else { later().find(ready).or_else(|| later().next()) }
    }

    fn at_least(&self, topic: &str, level: Level) -> bool {
        self.0.get(topic).is_some_and(|known| *known >= level)
    }
}

/// As progress-service writes it.
#[derive(Deserialize)]
struct Record {
    progress: GetProgressResponse,
}

impl From<Record> for Known {
    fn from(record: Record) -> Self {
        let levels = record.progress.topics.into_iter();
        Self(levels.filter_map(|topic| Some((topic.topic, topic.level.parse().ok()?))).collect())
    }
}

/// By student, and when it was read.
type Read = HashMap<String, (Instant, Arc<Known>)>;

/// Reads what students know: once a minute per student at most. Cheap to clone.
#[derive(Clone)]
pub struct Mastery {
    sidecar: Sidecar,
    read: Arc<Mutex<Read>>,
}

impl Mastery {
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar, read: Arc::default() }
    }

    /// What a student knows, as far as it can be told at once.
    pub async fn of(&self, student_id: &str) -> Arc<Known> {
        if student_id.is_empty() {
            return Arc::default();
        }
        if let Some(known) = self.remembered(student_id) {
            return known;
        }
        // It goes on when nobody waits any more: the next answer finds it.
        let reading = tokio::spawn(self.clone().fetch(student_id.to_owned()));
        match timeout(PATIENCE, reading).await {
            Ok(Ok(known)) => known,
            _ => Arc::default(),
        }
    }

    fn remembered(&self, student_id: &str) -> Option<Arc<Known>> {
        let read = self.lock();
        let (at, known) = read.get(student_id)?;
        (at.elapsed() < FRESH).then(|| known.clone())
    }

    /// Today's record, which the first activity of a day writes; yesterday's if there is none yet.
    async fn fetch(self, student_id: String) -> Arc<Known> {
        let today = OffsetDateTime::now_utc().date();
        let yesterday = today.previous_day().unwrap_or(today);
        // Together they are one call to the state store.
        let records = tokio::try_join!(self.record(&student_id, today), self.record(&student_id, yesterday));
        let Ok((today, yesterday)) = records else { return Arc::default() };
        let known = Arc::new(today.or(yesterday).map(Known::from).unwrap_or_default());
        let mut read = self.lock();
        if read.len() >= MOST {
            read.retain(|_, (at, _)| at.elapsed() < FRESH);
            if read.len() >= MOST {
                read.clear();
            }
        }
        read.insert(student_id, (Instant::now(), known.clone()));
        known
    }

    async fn record(&self, student_id: &str, date: Date) -> learnflow_sidecar::Result<Option<Record>> {
        let result = self.sidecar.get(&format!("student:{student_id}:mastery:{date}:record")).await;
        if let Err(error) = &result {
            tracing::debug!(%error, "answered without knowing what the student knows");
        }
        Ok(result?.map(|entry| entry.value))
    }

    fn lock(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use learnflow_proto::v1::TopicProgress;

    use super::*;

    fn known(levels: &[(&str, &str)]) -> Known {
        let topic = |(topic, level): &(&str, &str)| TopicProgress {
            topic: (*topic).to_owned(),
            level: (*level).to_owned(),
            ..TopicProgress::default()
        };
        let progress = GetProgressResponse { topics: levels.iter().map(topic).collect(), ..Default::default() };
        // As it stands in the store.
        let text =
            serde_json::json!({ "version": 1, "read_at": 2, "valid_until": null, "progress": progress }).to_string();
        serde_json::from_str::<Record>(&text).unwrap().into()
    }

    /// FR-011: who is new begins at the beginning; who knows a topic is told more; who knows what it builds on, too.
    #[test]
    fn the_level_follows_from_what_is_known() {
        let curriculum = Curriculum::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../curriculum")).unwrap();
        let level = |known: &Known, topic: &str| known.level(curriculum.topic(topic).unwrap());
        let tuples = curriculum.topic("tuples").unwrap();
        assert!(!tuples.prerequisites.is_empty());
        assert_eq!(level(&Known::default(), "tuples"), Level::Beginner);
        assert_eq!(level(&known(&[("tuples", "proficient")]), "tuples"), Level::Proficient);
        let all = |word| known(&tuples.prerequisites.iter().map(|id| (id.as_str(), word)).collect::<Vec<_>>());
        assert_eq!(level(&all("mastered"), "tuples"), Level::Learning);
        assert_eq!(level(&all("learning"), "tuples"), Level::Beginner);
        assert_eq!(level(&known(&[("tuples", "a new word")]), "tuples"), Level::Beginner);
    }

    /// FR-011: the topic offered next is not one that is known well, nor one whose prerequisites are not known.
    #[test]
    fn the_next_topic_is_one_to_learn() {
        let curriculum = Curriculum::load(concat!(env!("CARGO_MANIFEST_DIR"), "/../../curriculum")).unwrap();
        let topics: Vec<_> = curriculum.topics().collect();
        for (place, topic) in topics.iter().enumerate() {
            let usual = topics.get(place + 1).map(|topic| &topic.id);
            let next = |known: &Known| known.next_topic(&curriculum, topic).map(|topic| &topic.id);
            assert_eq!(next(&Known::default()), usual);
            let everything: Vec<_> = topics.iter().map(|topic| (topic.id.as_str(), "mastered")).collect();
            assert_eq!(next(&known(&everything)), usual, "there is nothing left to learn");
            // All but one later topic is known: that one.
            for gap in topics.iter().skip(place + 1) {
                let others: Vec<_> = everything.iter().filter(|(id, _)| *id != gap.id).copied().collect();
                assert_eq!(next(&known(&others)), Some(&gap.id));
            }
        }
        let some = known(&[("variables", "learning")]);
        let next = some.next_topic(&curriculum, topics[0]).unwrap();
        assert!(next.prerequisites.iter().all(|id| *id == topics[0].id || id == "variables"), "{}", next.id);
    }
}
