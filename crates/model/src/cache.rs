use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::Store;

/// An explanation is taken from the store for this long after it was written,
const FRESH: Duration = Duration::from_hours(1);
/// and from this process, without asking the store, for this long after it was last read there.
const HOT: Duration = Duration::from_mins(5);
/// It is kept for longer, for times when the model cannot be reached.
const KEPT: Duration = Duration::from_hours(24);
/// Hot explanations at a time: more than topics times levels.
const MOST_HOT: usize = 1_024;

/// Names an explanation: what it is about, for whom, and what it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CacheKey(String);

impl CacheKey {
    /// Any change of the prompt or of the topic's content makes another key.
    pub fn new(topic: &str, level: &str, prompt_version: &str, content_version: &str) -> Self {
        Self(format!("explanation:{topic}:{level}:{prompt_version}:{content_version}"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An explanation as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// The text.
    pub markdown: String,
    /// When the model wrote it: seconds since 1970, UTC.
    pub written_at: i64,
}

impl Cached {
    pub(crate) fn new(markdown: String) -> Self {
        Self { markdown, written_at: OffsetDateTime::now_utc().unix_timestamp() }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        let age = OffsetDateTime::now_utc().unix_timestamp() - self.written_at;
        age < i64::try_from(FRESH.as_secs()).unwrap_or(i64::MAX)
    }
}

/// Explanations that were written before.
#[derive(Clone)]
pub(crate) struct Cache {
    store: Arc<dyn Store>,
    hot: Arc<Mutex<HashMap<CacheKey, (Instant, Cached)>>>,
}

impl Cache {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, hot: Arc::default() }
    }

    /// From this process.
    pub(crate) fn hot(&self, key: &CacheKey) -> Option<Cached> {
        let hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, cached) = hot.get(key)?;
        (read.elapsed() < HOT && cached.is_fresh()).then(|| cached.clone())
    }

    /// From the store, of any age.
    pub(crate) async fn stored(&self, key: &CacheKey) -> Option<Cached> {
        let cached: Cached = serde_json::from_value(self.store.get(key.as_str()).await?).ok()?;
        if cached.is_fresh() {
            self.keep_hot(key, &cached);
        }
        Some(cached)
    }

    pub(crate) async fn keep(&self, key: &CacheKey, cached: &Cached) {
        self.keep_hot(key, cached);
        if let Ok(value) = serde_json::to_value(cached) {
            self.store.set(key.as_str(), value, KEPT).await;
        }
    }

    fn keep_hot(&self, key: &CacheKey, cached: &Cached) {
        let mut hot = self.hot.lock().unwrap_or_else(PoisonError::into_inner);
        if hot.len() >= MOST_HOT {
            hot.retain(|_, (read, _)| read.elapsed() < HOT);
            if hot.len() >= MOST_HOT {
                hot.clear();
            }
        }
        hot.insert(key.clone(), (Instant::now(), cached.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Model use: another topic, level or prompt, or changed content, is another explanation.
    #[test]
    fn whatever_it_is_made_from_makes_another_key() {
        let parts = ["lists", "beginner", "prompt-1", "content-1"];
        let key = |[topic, level, prompt, content]: [&str; 4]| CacheKey::new(topic, level, prompt, content);
        for place in 0..parts.len() {
            let mut changed = parts;
            changed[place] = "other";
            assert_ne!(key(changed), key(parts), "{changed:?}");
        }
        assert_eq!(key(parts), key(parts));
    }
}
