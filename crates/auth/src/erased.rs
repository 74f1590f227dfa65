//! Accounts that are no more, while tokens for them may still be about: one list in the state store, small since nobody
//! stays on it for longer than a token lives.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

/// The list's key in the state store.
pub const KEY: &str = "users:erased";
/// How old the list may be where tokens are checked: so long may a token outlive its account.
pub const MAX_AGE: Duration = Duration::from_secs(2);
/// Seconds on the list: longer than any access token lives.
const LISTED: u64 = 24 * 60 * 60;

/// User ids, each with the second of 1970 until which it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    users: BTreeMap<String, u64>,
}

impl Erased {
    /// Adds a user, and takes off whose time is over. Says whether the list has changed.
    pub fn add(&mut self, user_id: &str, now: u64) -> bool {
        if self.contains(user_id) {
            return false;
        }
        self.users.retain(|_, until| *until > now);
        self.users.insert(user_id.to_owned(), now + LISTED);
        true
    }

    /// Whether the user's tokens are refused.
    pub fn contains(&self, user_id: &str) -> bool {
        self.users.contains_key(user_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-041: whoever was erased stays on the list for as long as a token of theirs can live, and no longer for ever.
    #[test]
    fn nobody_is_listed_for_ever() {
        let mut list = Erased::default();
        assert!(list.add("maya", 1_000) && !list.add("maya", 2_000) && list.contains("maya"));
        assert!(list.add("ben", 1_000 + LISTED - 1) && list.contains("maya"));
        assert!(list.add("eva", 1_000 + LISTED) && !list.contains("maya") && list.contains("ben"));
    }
}
