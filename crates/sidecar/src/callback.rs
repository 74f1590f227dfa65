use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use dapr::dapr::proto::{
    common::v1::{InvokeRequest, InvokeResponse},
    runtime::v1::{
        BindingEventRequest, BindingEventResponse, HealthCheckResponse, JobEventRequest, JobEventResponse,
        ListInputBindingsResponse, ListTopicSubscriptionsResponse, TopicEventBulkRequest, TopicEventBulkResponse,
        TopicEventRequest, TopicEventResponse, app_callback_health_check_server::AppCallbackHealthCheck,
        app_callback_server::AppCallback, topic_event_response::TopicEventResponseStatus,
    },
};
use futures::FutureExt as _;
use tonic::{Request, Response, Status, metadata::MetadataValue};
use tracing::Instrument as _;

use crate::{API_TOKEN_KEY, EventData, envelope::Extensions};

/// What a handler says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Dealt with.
    Done,
    /// Could succeed later: Dapr delivers it again by its retry policy; after the fourth time it is dropped.
    Retry,
    /// Can never succeed: straight to the dead letters.
    Drop,
}

/// A delivered event.
#[derive(Clone, Debug)]
pub struct Event<E> {
    /// Unique per event; the same in every delivery of it.
    pub id: String,
    /// The app that published it.
    pub source: String,
    /// The student it is about.
    pub subject: String,
    /// When it was published, RFC 3339.
    pub time: String,
    /// Its data.
    pub data: E,
}

type Handled = Pin<Box<dyn Future<Output = Outcome> + Send>>;
type Handler = Arc<dyn Fn(TopicEventRequest, Extensions) -> Handled + Send + Sync>;
type Probe = Arc<dyn Fn() -> bool + Send + Sync>;

/// How often an event is delivered before its failures count as final. Dapr's own policy is much more patient: it is
/// for an app that is away.
const DELIVERIES: u32 = 4;

/// Receives what the sidecar delivers. Which topics an app gets is declared in Subscriptions; here each type of event
/// gets its handler.
#[derive(Clone)]
pub struct Callback {
    app_token: Option<String>,
    handlers: HashMap<(String, String), Handler>,
    healthy: Probe,
    // Events under retry, at most one per partition.
    failures: Arc<Mutex<HashMap<String, u32>>>,
}

impl Callback {
    /// `healthy` answers Dapr's health probe, where it is switched on: while it is false, Dapr pauses the app's
    /// subscriptions.
    pub fn new(app_token: Option<&str>, healthy: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self {
            app_token: app_token.map(ToOwned::to_owned),
            handlers: HashMap::new(),
            healthy: Arc::new(healthy),
            failures: Arc::default(),
        }
    }

    /// Handles the events of type `E` on a topic. Data that is not an `E` is dropped to the dead letters.
    #[must_use]
    pub fn on<E, F, R>(mut self, topic: &'static str, handler: F) -> Self
    where
        E: EventData,
        F: Fn(Event<E>) -> R + Send + Sync + Clone + 'static,
        R: Future<Output = Outcome> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |request, extensions| {
            let handler = handler.clone();
            Box::pin(async move {
                let data = match serde_json::from_slice(&request.data) {
                    Ok(data) => data,
                    Err(error) => {
                        tracing::warn!(topic, event_id = request.id, %error, "malformed event dropped");
                        return Outcome::Drop;
                    }
                };
                let Extensions { subject, time, .. } = extensions;
                handler(Event { id: request.id, source: request.source, subject, time, data }).await
            })
        });
        self.handlers.insert((topic.to_owned(), E::full_name()), handler);
        self
    }

    fn count_failures(&self, event_id: &str, outcome: Outcome) -> Outcome {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if outcome != Outcome::Retry {
            failures.remove(event_id);
            return outcome;
        }
        let count = failures.entry(event_id.to_owned()).or_default();
        *count += 1;
        if *count < DELIVERIES {
            return Outcome::Retry;
        }
        failures.remove(event_id);
        tracing::warn!(event_id, deliveries = DELIVERIES, "event dropped: it failed every time");
        Outcome::Drop
    }

    fn check_token<T>(&self, request: &Request<T>) -> Result<(), Status> {
        let shown = request.metadata().get(API_TOKEN_KEY).map(MetadataValue::as_bytes);
        match &self.app_token {
            Some(wanted) if shown != Some(wanted.as_bytes()) => {
                Err(Status::unauthenticated("the app token is missing or wrong"))
            }
            _ => Ok(()),
        }
    }
}

#[tonic::async_trait]
impl AppCallback for Callback {
    async fn on_topic_event(
        &self,
        request: Request<TopicEventRequest>,
    ) -> Result<Response<TopicEventResponse>, Status> {
        self.check_token(&request)?;
        let mut event = request.into_inner();
        let extensions = Extensions::from_fields(string_fields(event.extensions.take()));
        if let Some(age) = extensions.age_seconds() {
            metrics::histogram!("event_delivery_seconds", "topic" => event.topic.clone()).record(age.max(0.0));
        }
        let topic = event.topic.clone();
        let started = Instant::now();
        let outcome = match self.handlers.get(&(event.topic.clone(), event.r#type.clone())) {
            None => {
                tracing::warn!(topic, event_id = event.id, kind = event.r#type, "event of unknown type dropped");
                Outcome::Drop
            }
            Some(handler) => {
                let context = extensions.context();
                let span = tracing::info_span!(
                    "event",
                    topic,
                    event_id = event.id,
                    trace_id = context.trace.trace_id(),
                    correlation_id = context.correlation_id
                );
                let id = event.id.clone();
                let work = AssertUnwindSafe(context.scope(handler(event, extensions).instrument(span)));
                // The panic itself was logged; it would happen again.
                let outcome = work.catch_unwind().await.unwrap_or(Outcome::Drop);
                self.count_failures(&id, outcome)
            }
        };
        let (status, word) = match outcome {
            Outcome::Done => (TopicEventResponseStatus::Success, "done"),
            Outcome::Retry => (TopicEventResponseStatus::Retry, "retry"),
            Outcome::Drop => (TopicEventResponseStatus::Drop, "drop"),
        };
        metrics::histogram!("event_handler_seconds", "topic" => topic, "outcome" => word).record(started.elapsed());
        Ok(Response::new(TopicEventResponse { status: status.into() }))
    }

    // The two lists are asked without a token: refusing them would stop declarative subscriptions too.
    async fn list_topic_subscriptions(
        &self,
        _: Request<()>,
    ) -> Result<Response<ListTopicSubscriptionsResponse>, Status> {
        Ok(Response::new(ListTopicSubscriptionsResponse::default()))
    }

    async fn list_input_bindings(&self, _: Request<()>) -> Result<Response<ListInputBindingsResponse>, Status> {
        Ok(Response::new(ListInputBindingsResponse::default()))
    }

    async fn on_invoke(&self, _: Request<InvokeRequest>) -> Result<Response<InvokeResponse>, Status> {
        Err(Status::unimplemented("use gRPC proxying: InvokeService is deprecated"))
    }

    async fn on_binding_event(
        &self,
        _: Request<BindingEventRequest>,
    ) -> Result<Response<BindingEventResponse>, Status> {
        Err(Status::unimplemented("no input bindings are declared"))
    }

    async fn on_bulk_topic_event(
        &self,
        _: Request<TopicEventBulkRequest>,
    ) -> Result<Response<TopicEventBulkResponse>, Status> {
        Err(Status::unimplemented("subscriptions deliver one event at a time: a failed batch could lose events"))
    }

    async fn on_job_event(&self, _: Request<JobEventRequest>) -> Result<Response<JobEventResponse>, Status> {
        Err(Status::unimplemented("no jobs are scheduled"))
    }
}

#[tonic::async_trait]
impl AppCallbackHealthCheck for Callback {
    async fn health_check(&self, _: Request<()>) -> Result<Response<HealthCheckResponse>, Status> {
        if (self.healthy)() {
            Ok(Response::new(HealthCheckResponse {}))
        } else {
            Err(Status::unavailable("the app is not ready for events"))
        }
    }
}

fn string_fields(extensions: Option<prost_types::Struct>) -> BTreeMap<String, String> {
    let fields = extensions.map(|extensions| extensions.fields).unwrap_or_default();
    fields
        .into_iter()
        .filter_map(|(name, value)| match value.kind {
            Some(prost_types::value::Kind::StringValue(text)) => Some((name, text)),
            _ => None,
        })
        .collect()
}
