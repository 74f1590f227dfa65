use std::{collections::HashMap, sync::Arc, time::Duration};

use dapr::dapr::proto::runtime::v1::{GetMetadataRequest, dapr_client::DaprClient};
use tokio::sync::{Mutex, OnceCell};
use tonic::{
    service::interceptor::InterceptedService,
    transport::{Channel, Endpoint},
};
use uuid::Uuid;

use crate::{
    EventData, Result, SidecarConfig, envelope,
    error::Error,
    invoke::{AppChannel, AppInterceptor},
    publish::{Publication, Publisher},
    state::Groups,
};

/// The app's own Dapr sidecar. Cheap to clone.
#[derive(Clone)]
pub struct Sidecar {
    pub(crate) inner: Arc<Inner>,
    // How long events are held for others to share their call.
    held: Duration,
}

/// How long an event that nobody waits for is held: little enough to be handled within 100 ms (SC-004).
const HELD: Duration = Duration::from_millis(50);

pub(crate) struct Inner {
    pub config: SidecarConfig,
    channel: Channel,
    publishers: Mutex<HashMap<(&'static str, &'static str, Duration), Publisher>>,
    pub(crate) state: OnceCell<Groups>,
}

pub(crate) type Client = DaprClient<InterceptedService<Channel, AppInterceptor>>;

impl Sidecar {
    /// Prepares a connection; it is made with the first call and made again whenever it breaks.
    ///
    /// # Errors
    /// [`Error::Config`] when the endpoint is not a URL.
    pub fn connect(config: SidecarConfig) -> Result<Self> {
        let endpoint = Endpoint::from_shared(config.endpoint.clone())
            .map_err(|error| Error::Config(format!("{:?} is not a sidecar's address: {error}", config.endpoint)))?
            .connect_timeout(Duration::from_secs(2))
            .tcp_nodelay(true)
            .initial_stream_window_size(1 << 20)
            .initial_connection_window_size(4 << 20);
        let inner =
            Inner { config, channel: endpoint.connect_lazy(), publishers: Mutex::default(), state: OnceCell::new() };
        Ok(Self { inner: Arc::new(inner), held: Duration::ZERO })
    }

    /// The same sidecar for events that nobody waits for: they are held for 50 ms, so that they share their calls. At a
    /// hundred events a second, waking up the processes on an event's way costs several times what the event does. Their
    /// order among events published otherwise is open.
    #[must_use]
    pub fn unhurried(&self) -> Self {
        Self { held: HELD, ..self.clone() }
    }

    /// The app's own id.
    pub fn app_id(&self) -> &str {
        &self.inner.config.app_id
    }

    /// The token the sidecar must show to the app, if one is configured.
    pub fn app_token(&self) -> Option<&str> {
        self.inner.config.app_token.as_deref()
    }

    /// Publishes an event about a student. Events of one student on one topic keep their order.
    ///
    /// Concurrent calls are sent as one bulk call (group commit), so a busy service pays once for many events and an
    /// idle one waits for nobody.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the broker cannot be reached, [`Error::Refused`] when scopes forbid the topic.
    pub async fn publish<E: EventData>(
        &self,
        pubsub: &'static str,
        topic: &'static str,
        student_id: &str,
        event: &E,
    ) -> Result<()> {
        self.enqueue(pubsub, topic, student_id, event).await?.done().await
    }

    /// As [`Sidecar::publish`], for an event that got its id before: published twice, it is still one event.
    ///
    /// # Errors
    /// As [`Sidecar::publish`].
    pub async fn publish_as<E: EventData>(
        &self,
        id: Uuid,
        pubsub: &'static str,
        topic: &'static str,
        student_id: &str,
        event: &E,
    ) -> Result<()> {
        self.enqueue_as(id, pubsub, topic, student_id, event).await?.done().await
    }

    /// As [`Sidecar::publish`], but returns as soon as the event has its place in the order: for a handler that need not
    /// hold up its partition until the broker has the event.
    ///
    /// # Errors
    /// [`Error::Malformed`] when the event cannot be encoded.
    pub async fn enqueue<E: EventData>(
        &self,
        pubsub: &'static str,
        topic: &'static str,
        student_id: &str,
        event: &E,
    ) -> Result<Publication> {
        self.enqueue_as(Uuid::now_v7(), pubsub, topic, student_id, event).await
    }

    async fn enqueue_as<E: EventData>(
        &self,
        id: Uuid,
        pubsub: &'static str,
        topic: &'static str,
        student_id: &str,
        event: &E,
    ) -> Result<Publication> {
        let data = envelope::encode(id, self.app_id(), student_id, event)?;
        let publisher = {
            let mut publishers = self.inner.publishers.lock().await;
            let publisher = || Publisher::start(self, pubsub, topic, self.held);
            publishers.entry((pubsub, topic, self.held)).or_insert_with(publisher).clone()
        };
        publisher.enqueue(student_id.to_owned(), data).await
    }

    /// A channel to another app through the sidecars of both (gRPC proxying), for a generated client.
    pub fn app(&self, app_id: &'static str) -> AppChannel {
        InterceptedService::new(self.inner.channel.clone(), AppInterceptor::to_app(&self.inner.config, app_id))
    }

    /// Whether the sidecar answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not.
    pub async fn check(&self) -> Result<()> {
        self.client()
            .get_metadata(GetMetadataRequest {})
            .await
            .map(drop)
            .map_err(|status| Error::from_status("the sidecar", &status))
    }

    pub(crate) fn client(&self) -> Client {
        let interceptor = AppInterceptor::to_sidecar(&self.inner.config);
        DaprClient::with_interceptor(self.inner.channel.clone(), interceptor)
    }
}
