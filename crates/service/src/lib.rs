//! What every LearnFlow service does alike, so that its own crate holds only what it is for.
//!
//! One port serves gRPC (with health and reflection), Dapr's callbacks, `/health`, `/ready` and `/metrics`. Logs are
//! JSON lines on standard output. SIGTERM or Ctrl-C drains: readiness drops, work in flight ends, then the process.

pub mod env;

mod app;
mod fresh;
mod middleware;
mod problem;
mod readiness;
mod service;
mod telemetry;
mod validate;

pub use app::App;
pub use env::ConfigError;
pub use fresh::Fresh;
pub use problem::{KEY_REUSED, explain};
pub use readiness::Readiness;
pub use service::{Service, ServiceError};
pub use validate::{DOMAIN, TOO_LARGE, TOO_MANY, Violations};

/// A busy service allocates for every event, call and header: with the system's allocator an eighth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
