//! The secrets of a local run: made once, kept in the home, rotated the way Dapr's file store can follow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Error;
use crate::home::write_private;

/// Secrets by name; each is a set of named fields.
pub type SecretMap = BTreeMap<String, BTreeMap<String, String>>;

/// The newest `secrets-<n>.json` of a home.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
    number: u32,
    values: SecretMap,
}

impl Secrets {
    /// Reads what is there and adds what is missing. `fixed` holds values that come from outside and win.
    pub(crate) fn ensure(folder: &Path, fixed: &[(&str, &str, String)]) -> Result<Self, Error> {
        let number = newest(folder)?.unwrap_or(1);
        let mut secrets = Self { folder: folder.to_owned(), number, values: SecretMap::new() };
        let path = secrets.path();
        if path.exists() {
            let text = fs::read_to_string(&path).map_err(Error::reading(&path))?;
            secrets.values = serde_json::from_str(&text).map_err(|error| Error::file(&path, error))?;
        }
        let before = secrets.values.clone();
        secrets.complete()?;
        for (name, field, value) in fixed {
            secrets.set(name, field, value.clone());
        }
        if secrets.values != before {
            secrets.write()?;
        }
        Ok(secrets)
    }

    fn complete(&mut self) -> Result<(), Error> {
        self.add("redis", "password", random_password)?;
        self.add("bootstrap-admin", "email", || Ok("admin@learnflow.example".into()))?;
        self.add("bootstrap-admin", "password", random_password)?;
        self.add("data-keys", "current", || Ok("1".into()))?;
        self.add("data-keys", "keys", || Ok(format!("1={}", random_key()?)))?;
        self.add("data-keys", "index", random_key)?;
        for (kid, key) in [("current_kid", "private_key"), ("next_kid", "next_private_key")] {
            self.add("jwt", kid, || Ok(uuid::Uuid::now_v7().to_string()))?;
            self.add("jwt", key, rsa_key)?;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, field: &str, make: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
        if self.get(name, field).is_none() {
            self.set(name, field, make()?);
        }
        Ok(())
    }

    fn set(&mut self, name: &str, field: &str, value: String) {
        self.values.entry(name.to_owned()).or_default().insert(field.to_owned(), value);
    }

    /// One field of a secret, as the services get it.
    pub fn get(&self, name: &str, field: &str) -> Option<&str> {
        self.values.get(name)?.get(field).map(String::as_str)
    }

    /// The file that holds them.
    pub fn path(&self) -> PathBuf {
        self.folder.join(self.file_name())
    }

    pub(crate) fn file_name(&self) -> String {
        format!("secrets-{}.json", self.number)
    }

    /// Writes changed fields into the next numbered file: the store reads a file once, so only a new name reaches it.
    pub(crate) fn rotate(&mut self, name: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
        for (field, value) in fields {
            self.set(name, field, (*value).to_owned());
        }
        self.number += 1;
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(&self.values).map_err(|error| Error::file(&self.path(), error))?;
        write_private(&self.path(), &text)
    }
}

/// Makes a secret value: 32 random bytes.
pub(crate) fn random_password() -> Result<String, Error> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes()?))
}

/// Makes a key that seals data: 32 random bytes, in base64.
///
/// # Errors
/// When the system has no random numbers.
pub fn random_key() -> Result<String, Error> {
    Ok(STANDARD.encode(random_bytes()?))
}

fn random_bytes() -> Result<[u8; 32], Error> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::step("secrets", "the system has no random numbers"))?;
    Ok(bytes)
}

/// Makes an RSA key of 2048 bits, PKCS#8 in PEM.
///
/// # Errors
/// When the system has no random numbers.
pub fn rsa_key() -> Result<String, Error> {
    let failed = |_| Error::step("secrets", "cannot make an RSA key");
    let key = KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der: Pkcs8V1Der = key.as_der().map_err(failed)?;
    Ok(pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref())))
}

fn newest(folder: &Path) -> Result<Option<u32>, Error> {
    let entries = fs::read_dir(folder).map_err(Error::reading(folder))?;
    let number = |entry: fs::DirEntry| {
        entry.file_name().to_str()?.strip_prefix("secrets-")?.strip_suffix(".json")?.parse::<u32>().ok()
    };
    Ok(entries.flatten().filter_map(number).max())
}

/// The tokens an app and its sidecar know each other by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tokens {
    /// app → the token its sidecar expects of it
    dapr: BTreeMap<String, String>,
    /// app → the token it expects of its sidecar
    app: BTreeMap<String, String>,
}

impl Tokens {
    pub(crate) fn ensure<'a>(path: &Path, apps: impl Iterator<Item = &'a str>) -> Result<Self, Error> {
        let mut tokens: Self = match fs::read_to_string(path) {
            Ok(text) => serde_json::from_str(&text).map_err(|error| Error::file(path, error))?,
            Err(_) => Self::default(),
        };
        let before = tokens.clone();
        for app in apps {
            for map in [&mut tokens.dapr, &mut tokens.app] {
                if !map.contains_key(app) {
                    map.insert(app.to_owned(), random_password()?);
                }
            }
        }
        if tokens != before {
            let text = serde_json::to_string_pretty(&tokens).map_err(|error| Error::file(path, error))?;
            write_private(path, &text)?;
        }
        Ok(tokens)
    }

    pub(crate) fn dapr(&self, app: &str) -> &str {
        self.dapr.get(app).map_or("", String::as_str)
    }

    pub(crate) fn app(&self, app: &str) -> &str {
        self.app.get(app).map_or("", String::as_str)
    }
}

/// The claims of a JWT, unchecked: for reading one's own.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_made_once_and_rotation_makes_a_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let fixed = [("database", "url", "postgres://here".to_owned())];
        let mut first = Secrets::ensure(folder.path(), &fixed).unwrap();
        let again = Secrets::ensure(folder.path(), &fixed).unwrap();
        assert_eq!(first.values, again.values);
        assert_eq!(fs::metadata(first.path()).unwrap().permissions().mode() & 0o777, 0o600);

        let key = pem::parse(first.get("jwt", "private_key").unwrap()).unwrap();
        assert_eq!(KeyPair::from_pkcs8(key.contents()).unwrap().public_modulus_len(), 256);
        assert_ne!(first.get("jwt", "private_key"), first.get("jwt", "next_private_key"));

        let old = first.path();
        first.rotate("redis", &[("password", "new")]).unwrap();
        assert_ne!(old, first.path());
        let read = Secrets::ensure(folder.path(), &[]).unwrap();
        assert_eq!((read.get("redis", "password"), read.path()), (Some("new"), first.path()));
    }
}
