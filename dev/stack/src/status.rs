use reqwest::Client;

use crate::Error;
use crate::options::{PortOffset, StackOptions};
use crate::plan::Plan;

/// What an app says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The app's id.
    pub app: String,
    /// The port it listens on.
    pub port: u16,
    /// Whether it answers that it is ready.
    pub ready: bool,
    /// Whether its sidecar answers that it is healthy.
    pub sidecar: bool,
}

/// Asks every app and sidecar of the stack these options describe.
///
/// # Errors
/// When `dapr.yaml` cannot be read.
pub async fn status(options: &StackOptions) -> Result<Vec<Status>, Error> {
    let PortOffset::Fixed(offset) = options.ports else {
        return Err(Error::step("status", "needs the ports' offset"));
    };
    let http = Client::builder().no_proxy().build().unwrap_or_default();
    let ok = async |url: String| http.get(url).send().await.is_ok_and(|answer| answer.status().is_success());
    let mut all = Vec::new();
    for app in Plan::read(&options.root, offset)?.apps {
        all.push(Status {
            ready: ok(format!("http://127.0.0.1:{}/ready", app.port)).await,
            sidecar: ok(format!("http://127.0.0.1:{}/v1.0/healthz", app.http_port)).await,
            port: app.port,
            app: app.id,
        });
    }
    Ok(all)
}
