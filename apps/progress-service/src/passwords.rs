//! Passwords as argon2id hashes.

use std::sync::Arc;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{self, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;
use tonic::Status;

/// OWASP's first choice for argon2id with little memory: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes at a time: a burst of logins waits in line instead of taking every core and 19 MiB each.
const AT_ONCE: usize = 2;

/// Why a password could not be hashed or checked; never that it was wrong.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The hash function failed, or a stored hash is damaged.
    #[error("argon2: {0}")]
    Hash(#[from] password_hash::Error),
    /// The parameters are not argon2's.
    #[error("argon2 parameters: {0}")]
    Parameters(#[from] argon2::Error),
    /// The process is shutting down.
    #[error("hashing was interrupted")]
    Interrupted,
}

impl From<PasswordError> for Status {
    fn from(error: PasswordError) -> Self {
        tracing::error!(%error, "answered INTERNAL");
        Self::internal("the password could not be processed")
    }
}

/// Hashes and checks passwords, a few at a time. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
    /// The hash of no password: what an unknown e-mail is checked against, so that it takes as long as a known one.
    nobody: Arc<str>,
}

impl Passwords {
    /// Prepares the hash function.
    ///
    /// # Errors
    /// [`PasswordError`] when the system has no random numbers.
    pub fn new() -> Result<Self, PasswordError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let nobody = hash(&argon2, &SecretString::default())?.into();
        Ok(Self { argon2, running: Arc::new(Semaphore::new(AT_ONCE)), nobody })
    }

    /// The password's hash as a PHC string, with a salt of its own.
    ///
    /// # Errors
    /// [`PasswordError`] when hashing fails.
    pub async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.work(move |argon2| hash(argon2, &password)).await
    }

    /// Whether the password fits the hash. Without a hash it does the same work and answers no.
    ///
    /// # Errors
    /// [`PasswordError`] when the hash is damaged.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, PasswordError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.to_string());
        self.work(move |argon2| match argon2.verify_password(password.expose_secret().as_bytes(), hash.as_str()) {
            Ok(()) => Ok(known),
            Err(password_hash::Error::PasswordInvalid) => Ok(false),
            Err(error) => Err(error.into()),
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        task: impl FnOnce(&Argon2<'_>) -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let permit = self.running.clone().acquire_owned().await.map_err(|_| PasswordError::Interrupted)?;
        let argon2 = self.argon2.clone();
        let result = tokio::task::spawn_blocking(move || {
            // Held by the work, not by the caller: one who gives up does not let another one in early.
            let _permit = permit;
            task(&argon2)
        });
        result.await.map_err(|_| PasswordError::Interrupted)?
    }
}

fn hash(argon2: &Argon2<'_>, password: &SecretString) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2.hash_password(password.expose_secret().as_bytes())?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FR-002a: hashes are argon2id with OWASP's parameters and a salt each; nobody has no password.
    #[tokio::test]
    async fn passwords_are_argon2id() {
        let passwords = Passwords::new().unwrap();
        let first = passwords.hash("correct horse".into()).await.unwrap();
        let second = passwords.hash("correct horse".into()).await.unwrap();
        assert!(first.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{first}");
        assert_ne!(first, second);
        assert!(passwords.verify("correct horse".into(), Some(first.clone())).await.unwrap());
        assert!(!passwords.verify("battery staple".into(), Some(first)).await.unwrap());
        assert!(!passwords.verify(SecretString::default(), None).await.unwrap());
        assert!(passwords.verify("anything".into(), Some("damaged".to_owned())).await.is_err());
    }
}
