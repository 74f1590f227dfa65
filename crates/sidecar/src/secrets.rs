use std::collections::HashMap;

use dapr::dapr::proto::runtime::v1::GetSecretRequest;

use crate::{Error, Result, Sidecar};

/// The secret store every deployment names alike.
const STORE: &str = "secrets";

/// A secret: a few named values.
pub struct Secret {
    name: String,
    values: HashMap<String, String>,
}

impl Secret {
    /// One value of the secret.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the secret has no such field.
    pub fn get(&self, field: &str) -> Result<&str> {
        self.find(field).ok_or_else(|| Error::Malformed {
            what: format!("secret {}", self.name),
            reason: format!("it has no field {field:?}"),
        })
    }

    /// One value of the secret, if it has it.
    pub fn find(&self, field: &str) -> Option<&str> {
        self.values.get(field).map(String::as_str)
    }
}

impl Sidecar {
    /// Reads a secret. Dapr has no watch on secrets: read again when what depends on it fails.
    ///
    /// # Errors
    /// [`Error::Refused`] when the app's scopes do not allow it or it does not exist.
    pub async fn secret(&self, name: &str) -> Result<Secret> {
        let request =
            GetSecretRequest { store_name: STORE.to_owned(), key: name.to_owned(), metadata: HashMap::default() };
        let response = self
            .client()
            .get_secret(request)
            .await
            .map_err(|status| Error::from_status(format!("secret {name}"), &status))?;
        Ok(Secret { name: name.to_owned(), values: response.into_inner().data })
    }
}
