//! Running programs over HTTP: with the output as events, and for clients that speak to Piston.

mod events;
pub mod piston;
#[cfg(test)]
mod tests;
mod version;

use std::time::Duration;

use learnflow_proto::v1::execution_service_client::ExecutionServiceClient;
use learnflow_sidecar::AppChannel;
use tonic::Request;

pub use events::{events, wants_events};

/// A client of code-execution, through the sidecars.
pub type Client = ExecutionServiceClient<AppChannel>;

/// How long a run may take from here, the wait for its turn included.
pub const RUN: Duration = Duration::from_secs(20);
/// How long a batch may take: Dapr gives up after 30 s.
pub const BATCH: Duration = Duration::from_secs(28);

/// A call that may take longer than others.
pub fn within<T>(deadline: Duration, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}
