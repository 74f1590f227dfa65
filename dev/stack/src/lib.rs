//! Runs LearnFlow on one machine: Kafka, PostgreSQL and Redis, a Dapr sidecar for each app, and the apps, all from the
//! project's `dapr.yaml`. The binary serves `make run`; tests use [`Stack`] for a stack of their own beside it:
//!
//! ```no_run
//! # async fn example() -> Result<(), learnflow_stack::Error> {
//! use learnflow_stack::{Stack, StackOptions};
//!
//! let stack = Stack::start(StackOptions::for_tests()?.env("triage", "LOG_LEVEL", "debug")).await?;
//! let url = stack.gateway_url();
//! stack.kill9("triage").await?;
//! stack.wait_ready("triage").await?;
//! stack.stop().await;
//! # Ok(())
//! # }
//! ```

mod demo;
mod error;
mod home;
mod infra;
mod options;
mod plan;
mod progress;
mod ready;
mod resources;
mod secrets;
mod services;
mod spawner;
mod stack;
mod status;
mod supervisor;
mod tools;

pub use error::Error;
pub use home::{running, stop_running};
pub use options::{HomeFolder, Parts, PortOffset, StackOptions};
pub use secrets::{SecretMap, Secrets, random_key, rsa_key};
pub use stack::Stack;
pub use status::{Status, status};
pub use supervisor::OnCrash;
