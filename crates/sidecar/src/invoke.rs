use std::time::Duration;

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{API_TOKEN_KEY, Context, SidecarConfig};

/// A channel to another app, to give to its generated client.
pub type AppChannel = InterceptedService<Channel, AppInterceptor>;

/// Adds to every call what Dapr and the callee need: the target, the token, the context and a deadline.
#[derive(Clone)]
pub struct AppInterceptor {
    target: Option<&'static str>,
    api_token: Option<MetadataValue<Ascii>>,
    timeout: Duration,
}

impl AppInterceptor {
    pub(crate) fn to_sidecar(config: &SidecarConfig) -> Self {
        let api_token = config.api_token.as_ref().and_then(|token| token.parse().ok());
        Self { target: None, api_token, timeout: config.timeout }
    }

    pub(crate) fn to_app(config: &SidecarConfig, app_id: &'static str) -> Self {
        Self { target: Some(app_id), ..Self::to_sidecar(config) }
    }
}

impl Interceptor for AppInterceptor {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let metadata = request.metadata_mut();
        if let Some(token) = &self.api_token {
            metadata.insert(API_TOKEN_KEY, token.clone());
        }
        if let Some(app_id) = self.target {
            metadata.insert("dapr-app-id", MetadataValue::from_static(app_id));
        }
        Context::current().write_to(metadata);
        // A stream lives as long as its caller wants it; everything else has a deadline.
        if !request.metadata().contains_key("grpc-timeout") && !request.metadata().contains_key("dapr-stream") {
            request.set_timeout(self.timeout);
        }
        Ok(request)
    }
}
