use std::{collections::HashMap, time::Duration};

use dapr::dapr::proto::{
    common::v1::{Etag as ProtoEtag, StateItem, StateOptions, state_options::StateConcurrency},
    runtime::v1::{
        DeleteStateRequest, ExecuteStateTransactionRequest, GetStateRequest, SaveStateRequest,
        TransactionalStateOperation,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Code, Status};

use crate::{Error, Result, Sidecar};

/// The state store every deployment names alike.
const STORE: &str = "statestore";

/// The version of a stored value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

/// A stored value and its version.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// Its version, for a write that must not overwrite somebody else's.
    pub etag: Etag,
}

/// What a write does about other writers.
#[derive(Clone, Copy, Debug)]
pub enum Concurrency<'a> {
    /// The last one wins.
    LastWrite,
    /// Writes only where nothing is stored yet.
    Absent,
    /// Writes only over this version.
    Match(&'a Etag),
}

/// One step of a transaction.
pub enum Operation {
    /// Stores a value.
    Set {
        /// The key.
        key: String,
        /// The value as JSON.
        value: Vec<u8>,
        /// How long it is kept; for ever when `None`.
        ttl: Option<Duration>,
    },
    /// Removes a value.
    Delete {
        /// The key.
        key: String,
    },
}

impl Sidecar {
    /// Reads a value.
    ///
    /// # Errors
    /// [`Error::Malformed`] when what is stored is not a `T`, [`Error::Unavailable`] when the store is away.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<Entry<T>>> {
        let request = GetStateRequest { store_name: STORE.to_owned(), key: key.to_owned(), ..Default::default() };
        let response = self.client().get_state(request).await.map_err(|status| failed("read", key, &status))?;
        let response = response.into_inner();
        if response.data.is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&response.data)
            .map_err(|error| Error::Malformed { what: format!("state {key}"), reason: error.to_string() })?;
        Ok(Some(Entry { value, etag: Etag(response.etag) }))
    }

    /// Stores a value for `ttl`, or for ever.
    ///
    /// # Errors
    /// [`Error::Conflict`] when `concurrency` forbids the write, [`Error::Unavailable`] when the store is away.
    pub async fn set<T: Serialize>(
        &self,
        key: &str,
        value: &T,
        ttl: Option<Duration>,
        concurrency: Concurrency<'_>,
    ) -> Result<()> {
        let mut item = item(key.to_owned(), to_json(key, value)?, ttl);
        item.etag = match concurrency {
            Concurrency::LastWrite => None,
            // Dapr's Redis store takes version 0 for "not there yet".
            Concurrency::Absent => Some(ProtoEtag { value: "0".to_owned() }),
            Concurrency::Match(etag) => Some(ProtoEtag { value: etag.0.clone() }),
        };
        if item.etag.is_some() {
            let concurrency = StateConcurrency::ConcurrencyFirstWrite.into();
            item.options = Some(StateOptions { concurrency, ..Default::default() });
        }
        let request = SaveStateRequest { store_name: STORE.to_owned(), states: vec![item] };
        self.client().save_state(request).await.map(drop).map_err(|status| failed("write", key, &status))
    }

    /// Removes a value; not an error when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away.
    pub async fn delete(&self, key: &str) -> Result<()> {
        let request = DeleteStateRequest { store_name: STORE.to_owned(), key: key.to_owned(), ..Default::default() };
        self.client().delete_state(request).await.map(drop).map_err(|status| failed("delete", key, &status))
    }

    /// Carries out all operations or none.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the store is away.
    pub async fn transaction(&self, operations: Vec<Operation>) -> Result<()> {
        let operations = operations.into_iter().map(Operation::into_proto).collect();
        let request =
            ExecuteStateTransactionRequest { store_name: STORE.to_owned(), operations, metadata: HashMap::default() };
        self.client()
            .execute_state_transaction(request)
            .await
            .map(drop)
            .map_err(|status| Error::from_status("state transaction", &status))
    }
}

impl Operation {
    fn into_proto(self) -> TransactionalStateOperation {
        let (operation_type, request) = match self {
            Self::Set { key, value, ttl } => ("upsert", item(key, value, ttl)),
            Self::Delete { key } => ("delete", item(key, Vec::new(), None)),
        };
        TransactionalStateOperation { operation_type: operation_type.to_owned(), request: Some(request) }
    }
}

fn item(key: String, value: Vec<u8>, ttl: Option<Duration>) -> StateItem {
    let metadata = ttl
        .map(|ttl| HashMap::from([("ttlInSeconds".to_owned(), ttl.as_secs().max(1).to_string())]))
        .unwrap_or_default();
    StateItem { key, value, metadata, ..Default::default() }
}

fn to_json<T: Serialize>(key: &str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value)
        .map_err(|error| Error::Malformed { what: format!("value for state {key}"), reason: error.to_string() })
}

fn failed(verb: &str, key: &str, status: &Status) -> Error {
    match status.code() {
        Code::Aborted => Error::Conflict { key: key.to_owned() },
        _ => Error::from_status(format!("state {verb} of {key}"), status),
    }
}
