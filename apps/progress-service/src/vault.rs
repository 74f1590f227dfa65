//! Texts about people, unreadable in the database's files and backups: AES-256-GCM with keys from the secret store.
//!
//! A sealed text is its nonce (12 bytes), the ciphertext and the tag (16 bytes). It is bound to its place: moved to another
//! row or column it cannot be opened. Beside it stands the id of its key, so that keys can be exchanged while both are in
//! use. What must be found by its exact value has a keyed digest (HMAC-SHA256) beside it.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Notify;
use tokio_postgres::Row;
use uuid::Uuid;

use crate::database::DatabaseError;

/// The secret with the keys.
pub const SECRET: &str = "data-keys";
/// How old the keys may grow before they are read again.
const MAX_AGE: Duration = Duration::from_secs(30);
/// After a failure, and before an unknown key is looked for again.
const PAUSE: Duration = Duration::from_secs(1);

/// The keys as the secret store holds them.
pub struct KeySecret {
    /// The id of the key that seals.
    pub current: String,
    /// All keys, `<id>=<32 bytes in base64>`, with spaces between.
    pub keys: SecretString,
    /// The key of digests, 32 bytes in base64. It opens nothing and stays what it is.
    pub index: SecretString,
}

/// Reads the secret.
pub type ReadKeys = Arc<dyn Fn() -> BoxFuture<'static, Result<KeySecret, String>> + Send + Sync>;

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The table.
    pub table: &'static str,
    /// The column of the plain text; the sealed one's name ends in `_sealed`.
    pub column: &'static str,
}

/// Places that are sealed, by table.
pub const EMAIL: Place = Place { table: "users", column: "email" };
/// What a user is called.
pub const NAME: Place = Place { table: "users", column: "name" };
/// What was said in the chat.
pub const CHAT: Place = Place { table: "chat_messages", column: "text" };

impl Place {
    fn bound_to(self, row: Uuid) -> Aad<String> {
        Aad::from(format!("{}/{}/{row}", self.table, self.column))
    }
}

/// Keys in use.
pub struct Keys {
    current: String,
    by_id: HashMap<String, RandomizedNonceKey>,
    index: hmac::Key,
}

impl Keys {
    /// Reads keys.
    ///
    /// # Errors
    /// Says what is wrong with the secret, without quoting it.
    pub fn read(secret: &KeySecret) -> Result<Self, String> {
        let bytes = |text: &str, what: &str| {
            let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 32);
            bytes.ok_or_else(|| format!("{what} is not 32 bytes in base64"))
        };
        let mut by_id = HashMap::new();
        for pair in secret.keys.expose_secret().split_whitespace() {
            let (id, key) = pair.split_once('=').ok_or("a key has no id: write <id>=<base64>")?;
            let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes(key, &format!("the key {id}"))?);
            by_id.insert(id.to_owned(), key.map_err(|_| format!("the key {id} cannot be used"))?);
        }
        if !by_id.contains_key(&secret.current) {
            return Err(format!("the current key {} is not among the keys", secret.current));
        }
        let index = hmac::Key::new(hmac::HMAC_SHA256, &bytes(secret.index.expose_secret(), "the key of digests")?);
        Ok(Self { current: secret.current.clone(), by_id, index })
    }
}

/// A sealed text.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The id of its key.
    pub key: String,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

/// Seals and opens texts. Cheap to clone.
#[derive(Clone, Default)]
pub struct Vault {
    keys: Arc<RwLock<Option<Arc<Keys>>>>,
    unknown: Arc<Notify>,
}

impl Vault {
    /// Uses keys from now on.
    pub fn set(&self, keys: Keys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(keys));
    }

    /// Reads the keys again and again: twice a minute, and when something was sealed with one that is not known. Never
    /// returns.
    pub async fn keep_fresh(&self, read: ReadKeys) {
        let mut failed = false;
        loop {
            match read().await.and_then(|secret| Keys::read(&secret)) {
                Ok(keys) => {
                    self.set(keys);
                    failed = false;
                    // At most so often: anybody's damaged row can ask for it.
                    tokio::time::sleep(PAUSE).await;
                    let _ = tokio::time::timeout(MAX_AGE, self.unknown.notified()).await;
                }
                Err(reason) => {
                    if !std::mem::replace(&mut failed, true) {
                        tracing::warn!(reason, "the secret {SECRET:?} cannot be used; the last keys stay in use");
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Nothing, when there are keys.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] when there are none yet.
    pub fn check(&self) -> Result<(), DatabaseError> {
        self.keys().map(drop)
    }

    /// The id of the key that seals.
    ///
    /// # Errors
    /// As [`Vault::check`].
    pub fn current(&self) -> Result<String, DatabaseError> {
        Ok(self.keys()?.current.clone())
    }

    /// Seals a text for its place.
    ///
    /// # Errors
    /// As [`Vault::check`].
    pub fn seal(&self, place: Place, row: Uuid, text: &str) -> Result<Sealed, DatabaseError> {
        let keys = self.keys()?;
        let mut bytes = text.as_bytes().to_vec();
        let failed = || DatabaseError::Unavailable("the system has no random numbers".to_owned());
        let key = keys.by_id.get(&keys.current).ok_or_else(failed)?;
        let nonce = key.seal_in_place_append_tag(place.bound_to(row), &mut bytes).map_err(|_| failed())?;
        let bytes = [nonce.as_ref().as_slice(), &bytes].concat();
        Ok(Sealed { key: keys.current.clone(), bytes })
    }

    /// Opens a sealed text.
    ///
    /// # Errors
    /// [`DatabaseError::Unavailable`] while its key is not known; damage when it was changed, or sealed for another place.
    pub fn open(&self, place: Place, row: Uuid, key: &str, bytes: &[u8]) -> Result<String, DatabaseError> {
        let keys = self.keys()?;
        let Some(key) = keys.by_id.get(key) else {
            self.unknown.notify_one();
            return Err(DatabaseError::Unavailable(format!("the data key {key:?} is not in the secret {SECRET:?}")));
        };
        let damaged = || DatabaseError::damaged(&format!("{}.{}", place.table, place.column));
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut text = text.to_vec();
        let length = key.open_in_place(nonce, place.bound_to(row), &mut text).map_err(|_| damaged())?.len();
        text.truncate(length);
        String::from_utf8(text).map_err(|_| damaged())
    }

    /// A digest by which a text is found without being readable.
    ///
    /// # Errors
    /// As [`Vault::check`].
    pub fn digest(&self, place: Place, text: &str) -> Result<Vec<u8>, DatabaseError> {
        let name = format!("{}/{}/{text}", place.table, place.column);
        Ok(hmac::sign(&self.keys()?.index, name.as_bytes()).as_ref().to_vec())
    }

    /// The text of a row that has the plain column, the sealed one and `data_key`: rows from before texts were sealed are
    /// plain until it is their turn.
    ///
    /// # Errors
    /// As [`Vault::open`].
    pub fn text(&self, place: Place, id: Uuid, row: &Row) -> Result<String, DatabaseError> {
        let Place { column, .. } = place;
        if let Some(plain) = row.get::<_, Option<String>>(column) {
            return Ok(plain);
        }
        let sealed: Option<Vec<u8>> = row.get(format!("{column}_sealed").as_str());
        let key: Option<String> = row.get("data_key");
        let (Some(sealed), Some(key)) = (sealed, key) else { return Err(DatabaseError::damaged(column)) };
        self.open(place, id, &key, &sealed)
    }

    fn keys(&self) -> Result<Arc<Keys>, DatabaseError> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        keys.ok_or_else(|| DatabaseError::Unavailable(format!("the secret {SECRET:?} has not been read yet")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(current: &str, ids: &[(&str, u8)]) -> KeySecret {
        let key = |(id, byte): &(&str, u8)| format!("{id}={}", STANDARD.encode([*byte; 32]));
        let keys = ids.iter().map(key).collect::<Vec<_>>().join(" ");
        KeySecret { current: current.to_owned(), keys: keys.into(), index: STANDARD.encode([9; 32]).into() }
    }

    fn vault(current: &str, ids: &[(&str, u8)]) -> Vault {
        let vault = Vault::default();
        vault.set(Keys::read(&secret(current, ids)).unwrap());
        vault
    }

    /// FR-041: what is sealed is opened in its place and nowhere else, with its key and no other, unchanged or not at all.
    #[test]
    fn a_text_opens_in_its_place_only() {
        let (row, other) = (Uuid::now_v7(), Uuid::now_v7());
        let old = vault("a", &[("a", 1)]);
        let sealed = old.seal(NAME, row, "Maya Ünlü").unwrap();
        assert_eq!((sealed.key.as_str(), sealed.bytes.len()), ("a", 12 + 11 + 16));
        assert_ne!(sealed.bytes, old.seal(NAME, row, "Maya Ünlü").unwrap().bytes, "a nonce is used once");
        assert_eq!(old.open(NAME, row, "a", &sealed.bytes).unwrap(), "Maya Ünlü");
        let damaged = |result: Result<String, DatabaseError>| result.unwrap_err().is_final();
        assert!(damaged(old.open(EMAIL, row, "a", &sealed.bytes)));
        assert!(damaged(old.open(NAME, other, "a", &sealed.bytes)));
        assert!(damaged(old.open(NAME, row, "a", &sealed.bytes[..20])));
        for place in 0..sealed.bytes.len() {
            let mut changed = sealed.bytes.clone();
            changed[place] ^= 1;
            assert!(damaged(old.open(NAME, row, "a", &changed)));
        }

        let both = vault("b", &[("a", 1), ("b", 2)]);
        assert_eq!(both.open(NAME, row, "a", &sealed.bytes).unwrap(), "Maya Ünlü");
        assert_eq!(both.seal(NAME, row, "").unwrap().key, "b");
        let new = vault("b", &[("b", 2)]);
        assert!(matches!(new.open(NAME, row, "a", &sealed.bytes), Err(DatabaseError::Unavailable(_))));
        assert!(damaged(vault("a", &[("a", 3)]).open(NAME, row, "a", &sealed.bytes)));
    }

    /// FR-041: a secret that cannot be used is refused with a reason that does not quote it; without keys nothing is sealed.
    #[test]
    fn unusable_secrets_are_refused() {
        assert!(Vault::default().seal(NAME, Uuid::nil(), "Maya").is_err());
        let wrong = [
            ("c", secret("c", &[("a", 1)])),
            ("a", KeySecret { keys: "a=c2VjcmV0".to_owned().into(), ..secret("a", &[]) }),
        ];
        for (word, secret) in wrong {
            let reason = Keys::read(&secret).err().unwrap();
            assert!(reason.contains(word) && !reason.contains("c2VjcmV0"), "{reason}");
        }
        let digest = |text| vault("a", &[("a", 1)]).digest(EMAIL, text).unwrap();
        assert!(
            digest("maya@example.org") == digest("maya@example.org") && digest("maya@example.org") != digest("maya")
        );
    }
}
