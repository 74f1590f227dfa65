use std::{collections::HashMap, time::Duration};

use dapr::dapr::proto::{
    common::v1::{Etag as ProtoEtag, StateItem, StateOptions, state_options::StateConcurrency},
    runtime::v1::{
        BulkStateItem, DeleteStateRequest, ExecuteStateTransactionRequest, GetBulkStateRequest, GetStateRequest,
        GetStateResponse, SaveStateRequest, TransactionalStateOperation,
    },
};
use futures::future::join_all;
use serde::{Serialize, de::DeserializeOwned};
use tonic::{Code, Status};

use crate::{Error, Result, Sidecar, client::Client, group::Group};

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
        let group = &self.groups().await.reads;
        let stored =
            group.join(key.to_owned()).await.ok_or_else(|| Error::shutting_down(format!("state read of {key}")))??;
        if stored.data.is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&stored.data)
            .map_err(|error| Error::Malformed { what: format!("state {key}"), reason: error.to_string() })?;
        Ok(Some(Entry { value, etag: Etag(stored.etag) }))
    }

    async fn groups(&self) -> &Groups {
        self.inner.state.get_or_init(async || Groups::start(self)).await
    }

    /// As [`Sidecar::set`], but concurrent writes share one call.
    ///
    /// # Errors
    /// As [`Sidecar::set`]. [`Error::Conflict`] is also possible when the write *was* made, beside another one that was
    /// not: read the value to find out.
    pub async fn set_grouped<T: Serialize>(
        &self,
        key: &str,
        value: &T,
        ttl: Option<Duration>,
        concurrency: Concurrency<'_>,
    ) -> Result<()> {
        let item = write(key, value, ttl, concurrency)?;
        let group = &self.groups().await.writes;
        group.join(item).await.ok_or_else(|| Error::shutting_down(format!("state write of {key}")))?
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
        let item = write(key, value, ttl, concurrency)?;
        save(self.client(), item).await
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

/// Reads and writes that share calls.
pub(crate) struct Groups {
    reads: Group<String, Result<Stored>>,
    writes: Group<StateItem, Result<()>>,
}

/// As it came from the store; no data means that there is nothing.
#[derive(Clone, Default)]
struct Stored {
    data: Vec<u8>,
    etag: String,
}

impl Groups {
    fn start(sidecar: &Sidecar) -> Self {
        let (reading, writing) = (sidecar.client(), sidecar.client());
        Self {
            reads: Group::start(move |keys| read_all(reading.clone(), keys)),
            writes: Group::start(move |items| write_all(writing.clone(), items)),
        }
    }
}

async fn read_all(mut client: Client, keys: Vec<String>) -> Vec<Result<Stored>> {
    if let [key] = &keys[..] {
        return vec![read(client, key).await];
    }
    let parallelism = i32::try_from(keys.len()).unwrap_or(i32::MAX);
    let request =
        GetBulkStateRequest { store_name: STORE.to_owned(), keys: keys.clone(), parallelism, ..Default::default() };
    match client.get_bulk_state(request).await {
        Ok(response) => {
            let found: HashMap<String, BulkStateItem> =
                response.into_inner().items.into_iter().map(|item| (item.key.clone(), item)).collect();
            keys.iter()
                .map(|key| match found.get(key) {
                    Some(item) if item.error.is_empty() => {
                        Ok(Stored { data: item.data.clone(), etag: item.etag.clone() })
                    }
                    Some(item) => Err(Error::Unavailable {
                        operation: format!("state read of {key}"),
                        reason: item.error.clone(),
                    }),
                    None => Ok(Stored::default()),
                })
                .collect()
        }
        // Together they are more than a message of gRPC's may be.
        Err(status) if matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted) => {
            join_all(keys.iter().map(|key| read(client.clone(), key))).await
        }
        Err(status) => {
            let error = Error::from_status("state read", &status);
            keys.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

async fn read(mut client: Client, key: &str) -> Result<Stored> {
    let request = GetStateRequest { store_name: STORE.to_owned(), key: key.to_owned(), ..Default::default() };
    match client.get_state(request).await {
        Ok(response) => {
            let GetStateResponse { data, etag, .. } = response.into_inner();
            Ok(Stored { data, etag })
        }
        Err(status) => Err(failed("read", key, &status)),
    }
}

async fn write_all(mut client: Client, items: Vec<StateItem>) -> Vec<Result<()>> {
    if items.len() > 1 {
        let count = items.len();
        let upsert = |item: &StateItem| TransactionalStateOperation {
            operation_type: "upsert".to_owned(),
            request: Some(item.clone()),
        };
        let request = ExecuteStateTransactionRequest {
            store_name: STORE.to_owned(),
            operations: items.iter().map(upsert).collect(),
            metadata: HashMap::default(),
        };
        if client.execute_state_transaction(request).await.is_ok() {
            return vec![Ok(()); count];
        }
    }
    // Alone, or in a group of which one failed without saying which: each by itself.
    join_all(items.into_iter().map(|item| save(client.clone(), item))).await
}

async fn save(mut client: Client, item: StateItem) -> Result<()> {
    let key = item.key.clone();
    let request = SaveStateRequest { store_name: STORE.to_owned(), states: vec![item] };
    client.save_state(request).await.map(drop).map_err(|status| failed("write", &key, &status))
}

fn write<T: Serialize>(key: &str, value: &T, ttl: Option<Duration>, concurrency: Concurrency<'_>) -> Result<StateItem> {
    let mut item = item(key.to_owned(), to_json(key, value)?, ttl);
    item.etag = match concurrency {
        Concurrency::LastWrite => None,
        // No version is negative, so this one fits only where nothing is stored. Dapr's Redis store also takes version 0
        // for "not there yet", but in a transaction forgets what that needs and would overwrite.
        Concurrency::Absent => Some(ProtoEtag { value: "-1".to_owned() }),
        Concurrency::Match(etag) => Some(ProtoEtag { value: etag.0.clone() }),
    };
    if item.etag.is_some() {
        let concurrency = StateConcurrency::ConcurrencyFirstWrite.into();
        item.options = Some(StateOptions { concurrency, ..Default::default() });
    }
    Ok(item)
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
