use std::collections::BTreeMap;

use prost::Name;
use serde::{Serialize, de::DeserializeOwned};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use crate::{Context, Error, Result, TraceContext};

/// A message that travels as an event: named by its protobuf type, written as JSON.
pub trait EventData: Name + Serialize + DeserializeOwned + Send + 'static {}
impl<T: Name + Serialize + DeserializeOwned + Send + 'static> EventData for T {}

/// The `CloudEvents` 1.0 envelope of an event to publish. LearnFlow writes it itself instead of leaving it to the
/// sidecar: a bulk publish would give every entry the trace of the call that happened to carry it.
#[derive(Serialize)]
struct CloudEvent<'a, E> {
    specversion: &'static str,
    id: String,
    #[serde(rename = "type")]
    kind: String,
    source: &'a str,
    subject: &'a str,
    time: String,
    datacontenttype: &'static str,
    traceparent: &'a str,
    // Dapr fills this one, and overwrites `traceparent` with it, unless it is there.
    traceid: &'a str,
    correlationid: &'a str,
    data: &'a E,
}

/// The attributes of a delivered event that are not its data.
#[derive(Clone, Debug, Default)]
pub(crate) struct Extensions {
    pub traceparent: String,
    pub correlationid: String,
    pub subject: String,
    pub time: String,
}

impl Extensions {
    pub(crate) fn from_fields(fields: BTreeMap<String, String>) -> Self {
        let mut fields = fields;
        let mut take = |name: &str| fields.remove(name).unwrap_or_default();
        Self {
            traceparent: take("traceparent"),
            correlationid: take("correlationid"),
            subject: take("subject"),
            time: take("time"),
        }
    }

    pub(crate) fn context(&self) -> Context {
        let trace = self.traceparent.parse().unwrap_or_else(|()| TraceContext::new());
        Context { trace, correlation_id: self.correlationid.clone(), caller: None }
    }

    /// Seconds since the event was published, by this machine's clock.
    pub(crate) fn age_seconds(&self) -> Option<f64> {
        let published = OffsetDateTime::parse(&self.time, &Rfc3339).ok()?;
        Some((OffsetDateTime::now_utc() - published).as_seconds_f64())
    }
}

/// Writes an event about `subject` (a student id) in the current context.
pub(crate) fn encode<E: EventData>(id: Uuid, source: &str, subject: &str, event: &E) -> Result<Vec<u8>> {
    let malformed = |reason: String| Error::Malformed { what: format!("event {}", E::full_name()), reason };
    let context = Context::current();
    let trace = context.trace.child().to_string();
    let time = OffsetDateTime::now_utc().format(&Rfc3339).map_err(|error| malformed(error.to_string()))?;
    let envelope = CloudEvent {
        specversion: "1.0",
        id: id.to_string(),
        kind: E::full_name(),
        source,
        subject,
        time,
        datacontenttype: "application/json",
        traceparent: &trace,
        traceid: &trace,
        correlationid: &context.correlation_id,
        data: event,
    };
    serde_json::to_vec(&envelope).map_err(|error| malformed(error.to_string()))
}
