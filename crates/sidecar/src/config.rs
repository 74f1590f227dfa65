use std::{env, time::Duration};

use crate::{Error, Result};

/// Where the sidecar is and how to speak to it; the names are those Dapr itself sets for an app.
#[derive(Clone)]
pub struct SidecarConfig {
    /// `DAPR_GRPC_ENDPOINT`, or `http://127.0.0.1:$DAPR_GRPC_PORT`.
    pub endpoint: String,
    /// `DAPR_API_TOKEN`: sent with every call.
    pub api_token: Option<String>,
    /// `APP_API_TOKEN`: expected with every call of the sidecar.
    pub app_token: Option<String>,
    /// The name events are published under.
    pub app_id: String,
    /// `SIDECAR_TIMEOUT_MS`: how long one call may take, 5 s unless set.
    pub timeout: Duration,
}

impl SidecarConfig {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`Error::Config`] names the variable that is missing or wrong.
    pub fn from_env(app_id: &str) -> Result<Self> {
        let endpoint = match env::var("DAPR_GRPC_ENDPOINT") {
            Ok(endpoint) if !endpoint.is_empty() => endpoint,
            _ => {
                let port = env::var("DAPR_GRPC_PORT").unwrap_or_else(|_| "50001".to_owned());
                let port: u16 =
                    port.parse().map_err(|_| Error::Config(format!("DAPR_GRPC_PORT is not a port: {port:?}")))?;
                format!("http://127.0.0.1:{port}")
            }
        };
        let timeout = match env::var("SIDECAR_TIMEOUT_MS") {
            Ok(text) => {
                text.parse().map_err(|_| Error::Config(format!("SIDECAR_TIMEOUT_MS is not a number: {text:?}")))?
            }
            Err(_) => 5_000,
        };
        Ok(Self {
            endpoint,
            api_token: non_empty("DAPR_API_TOKEN"),
            app_token: non_empty("APP_API_TOKEN"),
            app_id: app_id.to_owned(),
            timeout: Duration::from_millis(timeout),
        })
    }
}

fn non_empty(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
