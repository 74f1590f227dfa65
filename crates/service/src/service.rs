use std::{io, net::SocketAddr, time::Duration};

use axum::{Json, Router, middleware, routing::get, serve::ListenerExt as _};
use learnflow_proto::DESCRIPTORS;
use learnflow_sidecar::{Callback, Sidecar, SidecarConfig};
use metrics_exporter_prometheus::{BuildError, PrometheusHandle};
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{
    App, ConfigError, Readiness, env,
    middleware::{Gate, grpc},
    telemetry,
};

/// Why a service could not start or ended badly.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The environment is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The sidecar's configuration is wrong.
    #[error(transparent)]
    Sidecar(#[from] learnflow_sidecar::Error),
    /// The port cannot be used.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server broke down.
    #[error("server failed: {0}")]
    Serve(#[from] io::Error),
    /// Metrics cannot be recorded.
    #[error("metrics: {0}")]
    Metrics(#[from] BuildError),
    /// The descriptors of the services cannot be offered.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// A service from its start to its end.
pub struct Service {
    name: &'static str,
    address: SocketAddr,
    drain_delay: Duration,
    grace: Duration,
    sidecar: Sidecar,
    readiness: Readiness,
    metrics: PrometheusHandle,
    stopping: CancellationToken,
}

impl Service {
    /// Starts logs and metrics and reads the configuration every service has:
    /// `APP_HOST` (127.0.0.1), `APP_PORT` (`port`), `LOG_LEVEL`, `DRAIN_DELAY_MS` (0: how long to go on serving after
    /// readiness has dropped), `SHUTDOWN_GRACE_MS` (15000), and the sidecar's.
    ///
    /// # Errors
    /// [`ServiceError`] names what is wrong.
    pub fn start(name: &'static str, port: u16) -> Result<Self, ServiceError> {
        telemetry::start_logs(name);
        let metrics = telemetry::start_metrics(name)?;
        let host = env::or("APP_HOST", std::net::IpAddr::from([127, 0, 0, 1]))?;
        let port = env::or("APP_PORT", port)?;
        let sidecar = Sidecar::connect(SidecarConfig::from_env(name)?)?;
        let readiness = Readiness::default();
        let probe = sidecar.clone();
        readiness.add("sidecar", move || {
            let sidecar = probe.clone();
            async move { sidecar.check().await.map_err(|error| error.to_string()) }
        });
        Ok(Self {
            name,
            address: SocketAddr::new(host, port),
            drain_delay: Duration::from_millis(env::or("DRAIN_DELAY_MS", 0)?),
            grace: Duration::from_millis(env::or("SHUTDOWN_GRACE_MS", 15_000)?),
            sidecar,
            readiness,
            metrics,
            stopping: CancellationToken::new(),
        })
    }

    /// The service's own sidecar.
    pub fn sidecar(&self) -> &Sidecar {
        &self.sidecar
    }

    /// What `/ready` reports; add the service's own checks.
    pub fn readiness(&self) -> &Readiness {
        &self.readiness
    }

    /// Cancelled when shutdown begins: long streams end then.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// The receiver of events, to which the service adds its handlers.
    pub fn callback(&self) -> Callback {
        let readiness = self.readiness.clone();
        Callback::new(self.sidecar.app_token(), move || !readiness.is_draining())
    }

    /// Serves until SIGTERM or Ctrl-C, then drains.
    ///
    /// # Errors
    /// [`ServiceError`] when the port is taken or the server breaks down.
    pub async fn serve(self, app: App) -> Result<(), ServiceError> {
        let (health, health_service) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()?;
        let App { grpc: mut services, http, drain } = app;
        services.add_service(health_service);
        services.add_service(reflection);
        let gate = Gate::new(self.sidecar.app_token());
        let grpc =
            services.routes().into_axum_router().reset_fallback().layer(middleware::from_fn_with_state(gate, grpc));
        let router = self.probes().merge(http).merge(grpc);

        let source = |source| ServiceError::Listen { address: self.address, source };
        let listener = TcpListener::bind(self.address).await.map_err(source)?;
        let listener = listener.tap_io(|stream| {
            // Answers are small: waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
        });
        tracing::info!(address = %self.address, version = env!("CARGO_PKG_VERSION"), "serving {}", self.name);

        let stopped = CancellationToken::new();
        let server = axum::serve(listener, router).with_graceful_shutdown(stopped.clone().cancelled_owned());
        let mut server = tokio::spawn(async move { server.await });
        tokio::select! {
            result = &mut server => return result.map_err(io::Error::other)?.map_err(ServiceError::Serve),
            name = stop_signal() => tracing::info!(signal = name?, "shutting down"),
        }

        self.readiness.drain();
        health.set_service_status("", tonic_health::ServingStatus::NotServing).await;
        tokio::time::sleep(self.drain_delay).await;
        self.stopping.cancel();
        let finish = async {
            if let Some(drain) = drain {
                drain().await;
            }
            stopped.cancel();
            (&mut server).await
        };
        if let Ok(result) = tokio::time::timeout(self.grace, finish).await {
            result.map_err(io::Error::other)??;
        } else {
            tracing::warn!("work was still under way at the end of the grace period");
        }
        tracing::info!("stopped");
        Ok(())
    }

    fn probes(&self) -> Router {
        let (name, readiness, metrics) = (self.name, self.readiness.clone(), self.metrics.clone());
        Router::new()
            .route(
                "/health",
                get(move || async move {
                    Json(json!({ "status": "ok", "service": name, "version": env!("CARGO_PKG_VERSION") }))
                }),
            )
            .route("/ready", get(move || readiness.clone().respond()))
            .route(
                "/metrics",
                get(move || async move {
                    metrics.run_upkeep();
                    metrics.render()
                }),
            )
    }
}

async fn stop_signal() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    })
}
