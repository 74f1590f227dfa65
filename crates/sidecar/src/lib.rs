//! A thin typed layer over the Dapr sidecar: what a LearnFlow service needs of it, and nothing else.
//!
//! - [`Sidecar`] publishes events, keeps state, reads secrets and reaches other apps;
//! - [`Callback`] receives events and answers Dapr's health probe;
//! - [`Context`] carries the trace, the correlation id and the caller from one to the other.

mod callback;
mod client;
mod config;
mod context;
mod envelope;
mod error;
mod group;
mod invoke;
mod publish;
mod secrets;
mod state;
mod waiting;

pub use callback::{Callback, Event, Outcome};
pub use client::Sidecar;
pub use config::SidecarConfig;
pub use context::{Caller, Context, Role, TraceContext};
pub use envelope::EventData;
pub use error::{Error, Result, persistently};
pub use invoke::{AppChannel, AppInterceptor};
pub use publish::Publication;
pub use secrets::Secret;
pub use state::{Concurrency, Entry, Etag, Operation};
pub use waiting::{gather, patiently, until_stopped};

/// Metadata key of the token between an app and its sidecar, in both directions.
pub const API_TOKEN_KEY: &str = "dapr-api-token";
