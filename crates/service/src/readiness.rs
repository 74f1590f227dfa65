use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Json, http::StatusCode, response::IntoResponse};
use futures::future::join_all;
use serde_json::{Map, Value, json};

/// How long one check may take.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

type Check = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>> + Send + Sync>;

/// Whether the service should be sent work: all its checks pass and it is not shutting down.
#[derive(Clone, Default)]
pub struct Readiness {
    draining: Arc<AtomicBool>,
    checks: Arc<RwLock<Vec<(&'static str, Check)>>>,
}

impl Readiness {
    /// Adds a check of something the service cannot work without.
    pub fn add<F, R>(&self, name: &'static str, check: F)
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), String>> + Send + 'static,
    {
        if let Ok(mut checks) = self.checks.write() {
            checks.push((name, Arc::new(move || Box::pin(check()))));
        }
    }

    /// Whether shutdown has begun.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Runs all checks: whether all pass, and what each said.
    pub async fn report(&self) -> (bool, Map<String, Value>) {
        let checks = self.checks.read().map(|checks| checks.clone()).unwrap_or_default();
        let results = join_all(checks.into_iter().map(|(name, check)| async move {
            let result = tokio::time::timeout(CHECK_TIMEOUT, check()).await;
            (name, result.unwrap_or_else(|_| Err("no answer within a second".to_owned())))
        }))
        .await;
        let mut ready = !self.is_draining();
        let mut report = Map::new();
        for (name, result) in results {
            ready &= result.is_ok();
            report.insert(name.to_owned(), result.err().unwrap_or_else(|| "ok".to_owned()).into());
        }
        (ready, report)
    }

    /// `GET /ready`: 200 or 503, and what each check said.
    pub async fn respond(self) -> impl IntoResponse {
        let (ready, checks) = self.report().await;
        let (code, status) = match (ready, self.is_draining()) {
            (true, _) => (StatusCode::OK, "ready"),
            (false, true) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down"),
            (false, false) => (StatusCode::SERVICE_UNAVAILABLE, "not ready"),
        };
        (code, Json(json!({ "status": status, "checks": checks })))
    }
}
