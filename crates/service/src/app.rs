use std::{convert::Infallible, future::Future, pin::Pin};

use axum::Router;
use dapr::dapr::proto::runtime::v1::{
    app_callback_health_check_server::AppCallbackHealthCheckServer, app_callback_server::AppCallbackServer,
};
use http::{Request, Response};
use learnflow_sidecar::Callback;
use tonic::{
    body::Body,
    server::NamedService,
    service::{Routes, RoutesBuilder},
};
use tower::Service;

type Drain = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// What a service serves.
pub struct App {
    pub(crate) grpc: RoutesBuilder,
    pub(crate) http: Router,
    pub(crate) drain: Option<Drain>,
}

impl App {
    /// An app that receives events, and nothing else yet.
    pub fn new(callback: Callback) -> Self {
        let mut grpc = Routes::builder();
        grpc.add_service(AppCallbackServer::new(callback.clone()));
        grpc.add_service(AppCallbackHealthCheckServer::new(callback));
        Self { grpc, http: Router::new(), drain: None }
    }

    /// Serves a gRPC service to other apps, through the sidecars.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.grpc.add_service(service);
        self
    }

    /// Serves HTTP paths to anybody: the routes authenticate their callers themselves.
    #[must_use]
    pub fn http(mut self, routes: Router) -> Self {
        self.http = self.http.merge(routes);
        self
    }

    /// Runs at shutdown, before the server stops: finish what is under way, hand back what is not.
    #[must_use]
    pub fn on_drain<F, R>(mut self, drain: F) -> Self
    where
        F: FnOnce() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.drain = Some(Box::new(move || Box::pin(drain())));
        self
    }
}
